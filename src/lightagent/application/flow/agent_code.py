"""What an agent does as a step, as digests: its instructions, its model, and the tools that it may call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightagent.application.active_run.means import Means
from lightagent.application.flow.step_code import text_digest
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tools.foreign_tool import declared
from lightagent.domain.flow.definition import CodeDigest
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.agents import lasting_name
from lightagent.ports.tools import Tool, ToolSource


def agent_code(crew: Sequence[Means[None]], tools: Sequence[Tool[object]]) -> tuple[CodeDigest, ...]:
    """The digests of an agent and of all that may take over from it.

    Args:
        tools: of the step, besides the agents' own. Those that come from servers are not known before a run.

    Raises:
        ConfigurationError: no JSON schema can be made of an agent's output type.
    """
    told: JsonValue = [[lasting_name(means.name), means.head.instructions.content] for means in crew]
    answered: JsonValue = [[lasting_name(means.name), means.model.name] for means in crew]
    called: JsonValue = [[lasting_name(means.name), *_tools(tuple(means.catalogue.own.values()))] for means in crew]
    given: JsonValue = list(_tools(tools))
    sources: JsonValue = [[lasting_name(means.name), *map(_source, means.catalogue.sources)] for means in crew]
    output: JsonValue = [means.head.output_schema for means in crew]
    return (
        text_digest("agent.instructions", told),
        text_digest("agent.model", answered),
        text_digest("agent.tools", called),
        text_digest("agent.sources", sources),
        text_digest("agent.output_type", output),
        *((text_digest("tools", given),) if tools else ()),
    )


def _source(source: ToolSource[None]) -> JsonValue:
    """What is known of a source of tools without asking it: its kind, its name, and which of its tools may be used.

    What a server offers is known in a run alone, and how it is reached differs from machine to machine.
    """
    allowed = source.server.tools if isinstance(source, McpTools) else None
    tools: JsonValue = None if allowed is None else [*sorted(allowed)]
    return [type(source).__name__, lasting_name(source.name), tools]


def _tools(tools: Sequence[Tool[None]] | Sequence[Tool[object]]) -> Iterator[JsonValue]:
    """Their names and schemas, in the order of their names."""
    for spec in sorted((declared(tool, "tool") for tool in tools), key=lambda spec: spec.name):
        yield [spec.name, spec.description, spec.parameters]
