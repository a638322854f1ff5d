"""What has to hold of the spans of any runs: each ends once, and below its parent, in one tree a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opentelemetry.sdk.trace import ReadableSpan

from tests.support.recorded_spans import OPERATION, RecordedSpans, attribute
from tests.support.semconv_rules import metric_faults, span_faults

_PARENTS = {
    "chat": {"invoke_agent"},
    "execute_tool": {"invoke_agent"},
    "invoke_agent": {"execute_tool"},
}


def tree_faults(seen: RecordedSpans) -> list[str]:
    """What is wrong with the spans of runs that were called where no span was current; empty where nothing is."""
    spans = seen.ended
    by_id = {_id(span): span for span in spans}
    faults = [] if seen.starts.count == len(spans) == len(by_id) else [f"{seen.starts.count} began, {len(spans)} ended"]
    for span in spans:
        faults += span_faults(span)
        faults += [f"{span.name}: {fault}" for fault in _faults(span, by_id)]
    return faults + [fault for metric in seen.metrics for fault in metric_faults(metric)]


def _faults(span: ReadableSpan, by_id: Mapping[int, ReadableSpan]) -> Iterator[str]:
    began, ended = span.start_time or 0, span.end_time or 0
    if ended < began:
        yield "it ends before it begins"
    operation = str(attribute(span, OPERATION))
    if span.parent is None:
        if operation != "invoke_agent":
            yield "it has no parent"
        return
    parent = by_id.get(span.parent.span_id)
    if parent is None:
        yield "its parent is unknown"
        return
    if str(attribute(parent, OPERATION)) not in _PARENTS[operation]:
        yield f"it is below {parent.name}"
    if began < (parent.start_time or 0) or ended > (parent.end_time or 0):
        yield f"it is not within the time of {parent.name}"


def roots(seen: RecordedSpans) -> list[ReadableSpan]:
    """The spans without a parent."""
    return [span for span in seen.ended if span.parent is None]


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    number: int = span.context.span_id
    return number
