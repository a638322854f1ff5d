"""A trace in a few figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """What a trace amounts to.

    Attributes:
        trace_id: of its first event.
        success: its end says that the run completed.
        duration_ms: the duration of the run, from its end event; None without that event.
        model_latency_ms, tool_latency_ms: how long model requests and tools took, added up.
        tool_success_count: calls that were answered; at most `tool_call_count`.
        error_categories: how many errors each stage had, such as ``model``.
        review_counts: how often each kind of ``approval_…`` event and ``human_feedback`` came.
        cost: in the currency of the prices; None without prices, or if one is missing.
        event_counts: how often each type of event came.
    """

    trace_id: str = ""
    success: bool = False
    duration_ms: float | None = None
    model_request_count: int = 0
    tool_call_count: int = 0
    error_count: int = 0
    retry_count: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    event_counts: Mapping[str, int] = field(default_factory=dict)
    model_latency_ms: float = 0.0
    tool_success_count: int = 0
    tool_latency_ms: float = 0.0
    error_categories: Mapping[str, int] = field(default_factory=dict)
    review_counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def event_count(self) -> int:
        """How many events it has."""
        return sum(self.event_counts.values())

    @property
    def tool_success_rate(self) -> float | None:
        """The share of the calls that were answered, from 0 to 1; None without a call."""
        return self.tool_success_count / self.tool_call_count if self.tool_call_count else None

    @property
    def estimated_cost_usd(self) -> float | None:
        """`cost`, as the 0.9 line named it."""
        return self.cost

    def to_dict(self) -> JsonObject:
        """Plain data. Tokens stand in `usage` by our names and by those of OpenAI, which the 0.9 line wrote."""
        usage = self.usage
        return {
            "trace_id": self.trace_id,
            "success": self.success,
            "event_count": self.event_count,
            "duration_ms": self.duration_ms,
            "model_request_count": self.model_request_count,
            "model_latency_ms": self.model_latency_ms,
            "tool_call_count": self.tool_call_count,
            "tool_success_count": self.tool_success_count,
            "tool_success_rate": self.tool_success_rate,
            "tool_latency_ms": self.tool_latency_ms,
            "retry_count": self.retry_count,
            "error_count": self.error_count,
            "error_categories": dict(self.error_categories),
            "review_counts": dict(self.review_counts),
            "usage": {
                **usage.to_dict(),
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
            },
            "cost": self.cost,
            "estimated_cost_usd": self.cost,
            "event_counts": dict(self.event_counts),
        }
