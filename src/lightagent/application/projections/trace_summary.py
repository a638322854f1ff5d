"""A trace in a few figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lightagent.application.projections.trace import TraceEvent
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage, normalize_usage


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """What a trace amounts to.

    Attributes:
        cost: in the currency of `pricing`; None where no pricing was given.
        duration_ms: of the run, from its end event; 0 where it has none.
    """

    trace_id: str
    success: bool
    duration_ms: float
    model_request_count: int
    tool_call_count: int
    error_count: int
    retry_count: int
    usage: Usage
    cost: float | None = None
    event_counts: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> JsonObject:
        """Plain data."""
        return {
            "trace_id": self.trace_id,
            "success": self.success,
            "duration_ms": self.duration_ms,
            "model_request_count": self.model_request_count,
            "tool_call_count": self.tool_call_count,
            "error_count": self.error_count,
            "retry_count": self.retry_count,
            "usage": self.usage.to_dict(),
            "cost": self.cost,
            "event_counts": dict(self.event_counts),
        }


def summarize_trace(
    events: Iterable[TraceEvent],
    usage: Usage | Mapping[str, object] | None = None,
    pricing: Mapping[str, float] | None = None,
) -> TraceSummary:
    """Counts, tokens and cost of a trace.

    Args:
        usage: overrides what the trace's own end says.
        pricing: ``{"input_per_million": …, "output_per_million": …}`` in any currency.
    """
    events = list(events)
    counts = Counter(event["type"] for event in events)
    end = next((event["data"] for event in reversed(events) if event["type"] == "run_end"), {})
    told = end.get("usage")
    used = normalize_usage(usage if usage is not None else told if isinstance(told, dict) else None)
    return TraceSummary(
        trace_id=events[0]["trace_id"] if events else "",
        success=end.get("success") is True,
        duration_ms=_number(end, "duration_ms"),
        model_request_count=counts["model_request"],
        tool_call_count=counts["tool_call"],
        error_count=counts["error"],
        retry_count=int(_number(end, "retry_count")),
        usage=used,
        cost=_cost(used, pricing),
        event_counts=dict(counts),
    )


def _cost(usage: Usage, pricing: Mapping[str, float] | None) -> float | None:
    if pricing is None:
        return None
    given = usage.input_tokens * pricing.get("input_per_million", 0.0)
    made = usage.output_tokens * pricing.get("output_per_million", 0.0)
    return (given + made) / 1_000_000


def _number(data: JsonObject, name: str) -> float:
    value = data.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
