"""Requests to MCP servers. The conventions want no span of their own for them, where the call of the tool has one.

What is known of a request is told on the span of the call that makes it, and its time is measured.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from opentelemetry.trace import INVALID_SPAN, Span, get_current_span

from lightagent.adapters.telemetry.otel.attribute_names import EXECUTE_TOOL, Names
from lightagent.adapters.telemetry.otel.call_spans import CallSpan
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes
from lightagent.aiokits.observed_work import Fact, Texts
from lightagent.domain.error_mapping import classify_exception

_CALL = "tools/call"


class McpRequest:
    """One request.

    Args:
        kit: records the measurement.
        calls: of tools, that the agent makes now. The request belongs to that whose span is current, if one is: a
            tool may have begun a span of its own within.
        facts: what is known of it.
        texts: takes the fault that the answer tells.
    """

    __slots__ = ("_began", "_kit", "_measured", "_span", "_texts")

    def __init__(self, kit: Kit, calls: Collection[CallSpan], facts: Mapping[str, Fact], texts: Texts) -> None:
        self._kit, self._texts, self._began = kit, texts, time.time()
        current = get_current_span()
        self._span: Span = current if any(call.span is current for call in calls) else INVALID_SPAN
        names = kit.names
        self._measured = plain_attributes(_request(names, facts))
        if self._span.is_recording():
            told = {**self._measured, **plain_attributes(_session(names, facts))}
            # It has the name under which the model knows the tool, and says itself that it is a call of one.
            self._span.set_attributes({name: told[name] for name in told if name not in _of_call(names)})

    def ended(self, error: BaseException | None) -> None:
        """It has its answer, or none."""
        names, fault = self._kit.names, self._texts.fault
        measured = self._measured
        if fault.removeprefix("-").isdecimal():
            measured = {**measured, names.rpc_status: fault}
            self._span.set_attribute(names.rpc_status, fault)
        if not fault and isinstance(error, Exception):
            fault = classify_exception(error).code
        self._kit.metrics.mcp_request(time.time() - self._began, measured, fault)


def _of_call(names: Names) -> tuple[str, str]:
    return names.operation, names.tool_name


def _request(names: Names, facts: Mapping[str, Fact]) -> Attributes:
    """What measurements have, too."""
    found: Attributes = {names.mcp_method: str(facts["method"])}
    if facts["method"] == _CALL:
        found |= {names.operation: EXECUTE_TOOL, names.tool_name: str(facts.get("name"))}
    for fact, name in (
        ("version", names.mcp_version),
        ("transport", names.transport),
        ("protocol", names.network_protocol),
        ("protocol_version", names.network_version),
        ("address", names.server_address),
        ("port", names.server_port),
    ):
        if (value := facts.get(fact)) is not None:
            found[name] = value
    return found


def _session(names: Names, facts: Mapping[str, Fact]) -> Attributes:
    session = facts.get("session")
    return {} if session is None else {names.mcp_session: session}
