"""Reads exported traces: a line of JSON each, from a file that may not be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.application.projections.trace_event import TraceEvent, as_trace_event
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

_MOST_DIGITS = 200
"""The maximum of an integer: more than any count has, and small enough for arithmetic."""


@dataclass(frozen=True, slots=True)
class ExportedTrace:
    """One trace of a file.

    Attributes:
        exported_at: when, as its writer says; empty if it is not given.
        metadata: data about it.
    """

    events: tuple[TraceEvent, ...]
    exported_at: str = ""
    metadata: JsonObject | None = None

    @property
    def trace_id(self) -> str:
        """Of its first event; empty without one."""
        return self.events[0]["trace_id"] if self.events else ""


def read_trace(line: str) -> ExportedTrace:
    """The trace in a line as `JsonlTraceExporter` writes it, or in a list of events.

    Raises:
        NotStrictJsonError: it is not JSON, or not safe to read.
        ConfigurationError: it is JSON of another form.
    """
    value = read_json(line, most_digits=_MOST_DIGITS)
    if isinstance(value, list):
        return ExportedTrace(_events(value))
    if not isinstance(value, dict) or not isinstance(events := value.get("events"), list):
        raise ConfigurationError("an object with a list of events is expected.", guidance="")
    told, said = value.get("exported_at"), value.get("metadata")
    return ExportedTrace(
        _events(events), told if isinstance(told, str) else "", said if isinstance(said, dict) else None
    )


def _events(values: list[JsonValue]) -> tuple[TraceEvent, ...]:
    events: list[TraceEvent] = []
    for at, value in enumerate(values):
        event = as_trace_event(value) if isinstance(value, dict) else None
        if event is None:
            raise ConfigurationError(f"events[{at}] is not an object with a type and data.", guidance="")
        events.append(event)
    return tuple(events)
