"""Client functions: the model may call them, and the client runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Never

from lightagent.application.active_run.means import Means
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import ApprovalRequested, Event, ModelReplied
from lightagent.domain.runs.signals import ApprovalRequired
from lightagent.domain.tools.selection import SEARCH_TOOL
from lightagent.domain.tools.spec import CLIENT_PROVIDER, ToolSpec
from lightagent.ports.tools import RunContext, Tool

MOST_TOOLS: Final = 128
"""The maximum number of functions in a request."""

_REASON: Final = "The client carries it out."

_NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
"""The allowed names of functions; providers refuse other names, and some even some of these, in the middle of a run."""


class ClientTool(Tool[object]):
    """A function of the client. A call suspends the run, which resumes with the result that the client sends.

    That result becomes the tool's output. It is not a person's decision, and as untrusted as the output of any tool.

    Args:
        results: the results that the client sent, by the ids of their calls.
    """

    def __init__(self, spec: ToolSpec, results: Mapping[str, str] | None = None) -> None:
        self._spec = spec
        self._results = results or {}

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> str:
        if context.approved and context.call_id in self._results:
            return self._results[context.call_id]
        raise ApprovalRequired(_REASON)


def client_names(events: Iterable[Event]) -> frozenset[str]:
    """Return the names of the client functions that the run's events say were called."""
    names, calls = dict[str, str](), set[str]()
    for event in events:
        if isinstance(event, ModelReplied):
            names |= {call.id: call.name for call in event.message.tool_calls}
        elif isinstance(event, ApprovalRequested) and event.reason == _REASON:
            calls.add(names.get(event.call_id, ""))
    return frozenset(calls)


async def names_taken(means: Means[Never]) -> frozenset[str]:
    """Return the names of all tools that a run of this agent may have.

    These are its own tools, those of agents that it may hand over to, which in a swarm include the tools for
    talking to each other, and those that the framework adds.

    Raises:
        LightAgentError: a source of the agent's own tools cannot be listed.
    """
    found = set[str]()
    for member in means.crew.values():
        found |= member.catalogue.own.keys()
        try:
            found |= (await member.catalogue.toolset()).tools.keys()
        except LightAgentError:
            if member is means:
                raise
        if member.selector is not None and member.selector.options.search:
            found.add(SEARCH_TOOL)
    return frozenset(found)


def client_tools(
    declared: Sequence[JsonObject],
    results: Mapping[str, str] | None = None,
    *,
    taken: frozenset[str] = frozenset(),
    function_at: str = ".function",
) -> list[ClientTool]:
    """Return the functions that a request declares as tools.

    Args:
        results: the results of earlier calls, by their ids within their run.
        taken: the names that they may not have.
        function_at: the path of the function within each of the request's tools, for errors.

    Raises:
        RequestRefused: a declaration is invalid or its name is taken; the error names it.
    """
    if len(declared) > MOST_TOOLS:
        raise RequestRefused(400, f"tools: {len(declared)} are too many.", f"The most is {MOST_TOOLS}.", param="tools")
    found: dict[str, ClientTool] = {}
    for place, function in enumerate(declared):
        at = f"tools[{place}]{function_at}"
        tool = ClientTool(_spec(function, at), results)
        name = tool.spec.name
        if name in found or name in taken:
            whose = "another function" if name in found else "a tool of the agent"
            raise RequestRefused(
                400, f"{at}.name: {whose} is called {name!r:.100}.", "Rename the function.", param=f"{at}.name"
            )
        found[name] = tool
    return list(found.values())


def _spec(function: JsonObject, at: str) -> ToolSpec:
    name, description = function.get("name"), function.get("description") or ""
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(name, str) or not isinstance(description, str) or not isinstance(parameters, dict):
        raise RequestRefused(400, f"{at}: must have a name, a description and parameters.", "", param=at)
    if _NAME.fullmatch(name) is None:
        told = f"{at}.name: must have 1 to 128 of A-Z a-z 0-9 _ . : / -, got {name!r:.100}."
        raise RequestRefused(400, told, "Rename the function.", param=f"{at}.name")
    try:
        return ToolSpec(name, description, parameters, provider=CLIENT_PROVIDER)
    except ConfigurationError as exc:
        raise RequestRefused(400, f"{at}: {exc.message}", "", param=at) from exc
