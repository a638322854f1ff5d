"""How telemetry and logs see the runs of a flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Never

from lightagent.adapters.logs import is_logging, log_events
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.compose.telemetry import compose_ambient_sink, compose_sinks
from lightagent.flow_options import FlowOptions
from lightagent.options import AgentOptions


def compose_seen(options: FlowOptions) -> Seen:
    """How they see them.

    Raises:
        ConfigurationError: one of the sinks is not one.
    """
    told: AgentOptions[Never] = {"telemetry": options.get("telemetry")}
    sinks = compose_sinks(told)
    ambient = compose_ambient_sink(told, sinks)
    return Seen(sinks, ambient, options.get("capture_content") or False, _write_lines)


def _write_lines(name: str, trace_id: str, make: Callable[[], Sequence[TraceEvent]]) -> None:
    if is_logging():
        log_events(name, trace_id, ((event["type"], event["data"]) for event in make()))
