"""One trace event: a JSON object whose keys are also attributes, since programs of the 0.9 line use both."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, overload

from lightagent.domain.json_types import JsonObject, JsonValue

_LATEST: Final = 1e12
"""The latest valid timestamp."""


class TraceEvent(dict[str, JsonValue]):
    """One trace event: ``event["type"]`` and ``event.type`` are the same.

    Args:
        type: what happened, such as ``model_request``.
        data: the details.
        trace_id: the trace of the run; empty for an event without a run.
        parent_trace_id, run_group_id: of the run, if it has them; otherwise the event lacks these keys.
        timestamp: seconds since 1970, UTC; by default now.
    """

    def __init__(
        self,
        type: str,
        data: JsonObject | None = None,
        trace_id: str | None = None,
        parent_trace_id: str | None = None,
        run_group_id: str | None = None,
        timestamp: float | None = None,
    ) -> None:
        super().__init__(
            type=type,
            data={} if data is None else data,
            trace_id=trace_id or "",
            timestamp=time.time() if timestamp is None else timestamp,
        )
        if parent_trace_id:
            self["parent_trace_id"] = parent_trace_id
        if run_group_id:
            self["run_group_id"] = run_group_id

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: Literal["type", "trace_id", "parent_trace_id", "run_group_id"], /) -> str: ...

        @overload
        def __getitem__(self, key: Literal["data"], /) -> JsonObject: ...

        @overload
        def __getitem__(self, key: Literal["timestamp"], /) -> float: ...

        @overload
        def __getitem__(self, key: str, /) -> JsonValue: ...

        def __getitem__(self, key: str, /) -> JsonValue:
            """Return the value of a key; the keys of an event have their own types."""
            return super().__getitem__(key)

    @property
    def type(self) -> str:
        """What happened."""
        return self["type"]

    @property
    def data(self) -> JsonObject:
        """The details."""
        return self["data"]

    @property
    def trace_id(self) -> str:
        """The trace of the run; empty for an event without a run."""
        return self["trace_id"]

    @property
    def timestamp(self) -> float:
        """When it happened, in seconds since 1970, UTC."""
        return self["timestamp"]

    @property
    def parent_trace_id(self) -> str | None:
        """The trace that contains this one, if the run has one."""
        told = self.get("parent_trace_id")
        return told if isinstance(told, str) else None

    @property
    def run_group_id(self) -> str | None:
        """The group of runs that the run belongs to, if any."""
        told = self.get("run_group_id")
        return told if isinstance(told, str) else None

    def to_dict(self) -> JsonObject:
        """Return the event as a plain dictionary."""
        return dict(self)


def as_trace_event(line: Mapping[str, object]) -> TraceEvent | None:
    """Return an externally written line as a trace event without unknown keys; None if it is not a trace event."""
    kind, data, trace_id = line.get("type"), line.get("data", {}), line.get("trace_id")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return None
    around, group = line.get("parent_trace_id"), line.get("run_group_id")
    return TraceEvent(
        kind,
        data,
        trace_id if isinstance(trace_id, str) else None,
        around if isinstance(around, str) else None,
        group if isinstance(group, str) else None,
        _seconds(line.get("timestamp")),
    )


def _seconds(told: object) -> float:
    """Return a time in seconds since 1970; the 0.9 line wrote text. 0 if it is neither."""
    if isinstance(told, str):
        try:
            return datetime.fromisoformat(told).timestamp()
        except (ValueError, OverflowError):
            return 0.0
    return float(told) if isinstance(told, (int, float)) and abs(told) < _LATEST else 0.0
