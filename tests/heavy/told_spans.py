"""For programs of another environment: an SDK in memory, set as the application's, and what it saw as JSON.

It knows OpenTelemetry, lightagent and the standard library.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Final

from opentelemetry import _logs, metrics, propagate, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lightagent import JsonObject

_EXPORTER: Final = InMemorySpanExporter()
_READER: Final = InMemoryMetricReader()


def set_providers() -> None:
    """As an application does at its start."""
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(_EXPORTER))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([_READER]))


def global_objects() -> list[object]:
    """What OpenTelemetry holds for the whole process, by reference, and what is current."""
    return [
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        _logs.get_logger_provider(),
        propagate.get_global_textmap(),
        trace.get_current_span(),
        *_processors(),
        *_imported_hooks(),
    ]


def same(before: Iterable[object], after: Iterable[object]) -> bool:
    """Whether these are the same objects."""
    return [id(one) for one in before] == [id(one) for one in after]


def tell(**more: object) -> None:
    """Print the spans in the order of their beginning, the metrics, and what else is told."""
    spans = sorted(_EXPORTER.get_finished_spans(), key=lambda span: span.start_time or 0)
    sys.stdout.write(json.dumps({"spans": [_told(span) for span in spans], "metrics": _metrics(), **more}))


def _processors() -> tuple[object, ...]:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    return provider._active_span_processor._span_processors


def _imported_hooks() -> list[object]:
    return [*sys.meta_path, *sys.path_hooks]


def _told(span: ReadableSpan) -> JsonObject:
    told: JsonObject = json.loads(span.to_json())
    scope = span.instrumentation_scope
    return {**told, "scope": scope.name if scope else ""}


def _metrics() -> JsonObject:
    """How often each metric was recorded."""
    data = _READER.get_metrics_data()
    counts: dict[str, int] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                points = [getattr(point, "count", 1) for point in metric.data.data_points]
                counts[metric.name] = counts.get(metric.name, 0) + sum(points)
    return {**counts}
