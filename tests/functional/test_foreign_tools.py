"""Tools as servers declare them, offered at endpoints that check as providers do: no request is refused for one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lightagent import JsonObject, LightAgent, ToolSpec
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.domain.foreign_schemas import BeyondRepair
from lightagent.domain.mcp.declarations import mcp_tool_spec
from lightagent.domain.mcp.servers import McpTool
from lightagent.ports.tools import RunContext, Tool
from tests.servers.leaks import LeakCheck
from tests.servers.strict.answers import Said
from tests.servers.strict.endpoint import StrictServer, strict_server
from tests.servers.strict.provider import Provider
from tests.servers.strict.request import Request
from tests.support.foreign_tools import BEYOND_REPAIR, MENDABLE, NAMES

PROVIDERS = ["openai", "openai-reasoning", "anthropic", "gemini", "groq", "mistral", "deepseek", "vllm-alternating"]


class ForeignTool(Tool[None]):
    """A tool that is shown and checked as one of a server is."""

    def __init__(self, declared: McpTool, spec: ToolSpec) -> None:
        self._spec = spec
        self._check = foreign_check(spec.name, declared.schema)

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return self._check(arguments)

    async def call(self, arguments: Mapping[str, object], context: RunContext[None]) -> object:
        return "done"


def usable(declared: list[McpTool]) -> list[ForeignTool]:
    specs = [(tool, mcp_tool_spec(tool)) for tool in declared]
    return [ForeignTool(tool, spec) for tool, spec in specs if not isinstance(spec, BeyondRepair)]


def answered(provider: Provider, request: Request) -> Said:
    return Said("Done.")


async def offer(server: StrictServer, provider: str, tools: list[ForeignTool]) -> None:
    model = OpenAIChatModel("m", "sk-test", server.base_url(provider))
    try:
        result = await LightAgent(model=model, tools=tools).arun("Hello", result_format="object")
        assert result.outcome.kind == "completed", result.error
    finally:
        await model.aclose()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_forty_schemas_and_fifty_names_are_taken_by_every_provider(leaks: LeakCheck, provider: str) -> None:
    schemas = [*MENDABLE.values(), *(schema for schema, _ in BEYOND_REPAIR.values())]
    by_schema = [McpTool("s", f"tool_{place}", "x" * 2_000, schema) for place, schema in enumerate(schemas)]
    by_name = [McpTool(one, tool, "", MENDABLE["empty"]) for one, tool, _ in NAMES]
    async with strict_server(answered) as server:
        await offer(server, provider, [*usable(by_schema), *usable(by_name)])

    assert len(schemas) >= 40
    assert len(usable(by_schema)) == len(MENDABLE)
    assert not server.refusals, "\n".join(map(str, server.refusals))


async def test_as_they_were_declared_they_would_be_refused(leaks: LeakCheck) -> None:
    raw = McpTool("s", "tool", "", MENDABLE["a root of discriminated variants"])
    spec = ToolSpec("gh/repos.create", "", {"oneOf": []})
    async with strict_server(answered) as server:
        model = OpenAIChatModel("m", "sk-test", server.base_url("openai"))
        result = await LightAgent(model=model, tools=[ForeignTool(raw, spec)]).arun("Hello", result_format="object")
        await model.aclose()

    assert result.error is not None
    assert server.refusals
