"""The port through which a finished trace leaves: to a file, an audit store, an observability service."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from typing_extensions import TypeVar

from lightagent.domain.json_types import JsonObject
from lightagent.domain.telemetry.trace_summary import TraceSummary

ExportedT_co = TypeVar("ExportedT_co", covariant=True, default=object)


@runtime_checkable
class TraceExporter(Protocol[ExportedT_co]):
    """Where traces go. What `export` returns is what `export_trace` returns."""

    def export(
        self, events: list[JsonObject], summary: TraceSummary, metadata: JsonObject | None = None
    ) -> ExportedT_co:
        """Take one trace.

        Args:
            events: plain data, as docs/traces.md describes them.
            summary: the same in a few figures.
            metadata: what the program says of it, such as ``{"environment": "staging"}``.
        """
        ...
