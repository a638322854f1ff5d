"""Catalogues of tools, and sources of them that change, for tests of agents with many tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from lightagent import RunContext, Tool, ToolList, ToolSource, ToolSpec
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatRequest

_THINGS = """
    invoice customer order shipment warehouse employee salary vacation meeting contract supplier discount refund
    ticket server certificate database backup branch deployment
"""
THINGS = _THINGS.split()
DEEDS = {
    "create": "Create a new",
    "delete": "Delete an existing",
    "list": "List every",
    "update": "Change the fields of a",
    "export": "Write to a spreadsheet each",
}


class EchoTool(Tool[object]):
    """Says that it was called."""

    def __init__(self, spec: ToolSpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        return f"{self._spec.name} done"


def many_tools(copies: int = 1) -> list[EchoTool]:
    """A hundred tools of an office, or several times as many."""
    return [
        EchoTool(ToolSpec(f"{deed}_{thing}{number or ''}", f"{text} {thing}.", parameters(thing)))
        for number in range(copies)
        for thing in THINGS
        for deed, text in DEEDS.items()
    ]


def parameters(thing: str) -> JsonObject:
    """What such a tool takes."""
    return {
        "type": "object",
        "properties": {f"{thing}_id": {"type": "string", "description": f"Which {thing}."}},
        "required": [f"{thing}_id"],
    }


class ChangingTools(ToolSource[object]):
    """A source whose list can be changed while runs go on."""

    def __init__(self, tools: Iterable[EchoTool]) -> None:
        self._version = 1
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def name(self) -> str:
        return "office"

    @property
    def version(self) -> int:
        return self._version

    async def tools(self) -> ToolList[object]:
        return ToolList(dict(self._tools))

    async def aclose(self) -> None:
        """Nothing is open."""

    def change(self, *names: str) -> None:
        """Describe these tools in another way from now on, with another parameter."""
        for name in names:
            spec = self._tools[name].spec
            changed: JsonObject = {"type": "object", "properties": {"new_parameter": {"type": "integer"}}}
            self._tools[name] = EchoTool(replace(spec, description="Changed meanwhile.", parameters=changed))
        self._version += 1

    def remove(self, name: str) -> None:
        """Have it no more."""
        del self._tools[name]
        self._version += 1

    def add(self, tool: EchoTool) -> None:
        """Have another one."""
        self._tools[tool.spec.name] = tool
        self._version += 1


def serialised(request: ChatRequest) -> bytes:
    """The tools of a request as it holds them, without the bracket that closes their list."""
    return b",".join(encode_json(spec.to_openai()) for spec in request.tools)


def offered(request: ChatRequest) -> list[str]:
    """The names of the tools of a request."""
    return [spec.name for spec in request.tools]


def assert_only_added(requests: Iterable[ChatRequest]) -> None:
    """The serialised tools of each request are a prefix of those of the next one."""
    told = [serialised(request) for request in requests]
    for before, after in pairwise(told):
        assert after == before or after.startswith(before + b",")
