"""Hands a trace to an exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

from lightagent.application.projections.trace_summary import summarize_trace
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import is_too_deep
from lightagent.domain.json_copies import plain_object
from lightagent.domain.json_types import JsonInput, JsonObject, JsonValue
from lightagent.domain.telemetry.trace_summary import TraceSummary
from lightagent.ports.traces import TraceExporter

ExportedT = TypeVar("ExportedT")

ExportFunction: TypeAlias = Callable[[list[JsonObject], TraceSummary, JsonObject | None], ExportedT]
"""A function with the parameters of `TraceExporter.export`."""


def export_trace(
    events: Iterable[Mapping[str, JsonValue]],
    exporter: TraceExporter[ExportedT] | ExportFunction[ExportedT],
    *,
    usage: object = None,
    pricing: Mapping[str, float] | PriceTable | None = None,
    metadata: Mapping[str, JsonInput] | None = None,
) -> ExportedT:
    """Give a trace and its summary to an exporter.

    Args:
        events: of a trace, such as `result.trace`. They hold no content unless it was captured.
        exporter: something with an `export` method, or a function.
        usage, pricing: as for `summarize_trace`.
        metadata: data about the trace.

    Returns:
        What the exporter returns.

    Raises:
        TypeError: the exporter is neither of these.
        ConfigurationError: the metadata is not a mapping, or is nested too deep.
    """
    _check(metadata)
    plain: list[JsonObject] = [{**event} for event in events]
    said = None if metadata is None else plain_object(metadata)
    summary = summarize_trace(plain, usage=usage, pricing=pricing)
    if isinstance(exporter, TraceExporter):
        return exporter.export(plain, summary, said)
    if callable(exporter):
        return exporter(plain, summary, said)
    raise TypeError(
        f"exporter must be callable or provide export(events, summary, metadata), got {type(exporter).__name__}."
    )


def _check(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, (dict, Mapping)):
        problem = f"it is of type {type(metadata).__name__}"
    elif is_too_deep(metadata):
        problem = "it is nested too deep"
    else:
        return
    raise ConfigurationError(f"metadata: this is not plain JSON: {problem}.", guidance="Pass a dictionary.")
