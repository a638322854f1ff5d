"""The differences between two traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.trace_summary import summarize_trace
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.telemetry.trace_summary import TraceSummary


@dataclass(frozen=True, slots=True)
class TraceDifference:
    """One difference.

    Attributes:
        what: what differs, such as ``outcome``, ``events.tool_call`` or ``tool_calls[2]``.
        left, right: the values in the traces; None if a trace has none.
        counts: whether it makes the traces different. Durations are reported but do not count: they always differ.
    """

    what: str
    left: JsonValue
    right: JsonValue
    counts: bool = True

    def to_dict(self) -> JsonObject:
        """Return the difference as plain data."""
        return {"what": self.what, "left": self.left, "right": self.right, "counts": self.counts}


def diff_traces(
    left: Sequence[TraceEvent], right: Sequence[TraceEvent], prices: PriceTable | None = None
) -> tuple[TraceDifference, ...]:
    """Return the differences between two traces.

    Compares outcome, agents and models, number and order of events, tool calls, tokens, cost and time; ids and dates
    are not compared.

    Args:
        prices: the prices of models, for the cost.
    """
    first, second = _facts(left, prices), _facts(right, prices)
    names = [*first, *(name for name in second if name not in first)]
    found = [
        TraceDifference(name, first.get(name), second.get(name), name not in _TIMES)
        for name in names
        if first.get(name) != second.get(name)
    ]
    return (*found, *_order(left, right), *_calls(left, right))


_TIMES = frozenset({"duration_ms", "model_latency_ms", "tool_latency_ms"})


def _facts(events: Sequence[TraceEvent], prices: PriceTable | None) -> dict[str, JsonValue]:
    """Return the values to compare, by name."""
    summary = summarize_trace(events, pricing=prices)
    end = next((event["data"] for event in reversed(events) if event["type"] == "run_end"), {})
    start = next((event["data"] for event in events if event["type"] == "run_start"), {})
    facts: dict[str, JsonValue] = {
        "outcome": end.get("outcome", end.get("success")),
        "agent": start.get("agent_name"),
        "models": _models(events),
        "errors": [event["data"].get("code") for event in events if event["type"] == "error"],
        "retries": summary.retry_count,
        "cost": summary.cost,
        **_tokens(summary),
        **{f"events.{kind}": count for kind, count in summary.event_counts.items()},
    }
    return facts | {name: getattr(summary, name) for name in sorted(_TIMES)}


def _tokens(summary: TraceSummary) -> dict[str, JsonValue]:
    return {f"usage.{name}": count for name, count in summary.usage.to_dict().items()}


def _models(events: Sequence[TraceEvent]) -> list[JsonValue]:
    """Return the models in the order of their first request."""
    asked = (event["data"].get("model") for event in events if event["type"] == "model_request")
    return [*dict.fromkeys(model for model in asked if isinstance(model, str))]


def _order(left: Sequence[TraceEvent], right: Sequence[TraceEvent]) -> list[TraceDifference]:
    """Return the first position at which the types of the events differ."""
    for at, (one, other) in enumerate(zip_longest(left, right)):
        first, second = (None if event is None else event["type"] for event in (one, other))
        if first != second:
            return [TraceDifference(f"order[{at}]", first, second)]
    return []


def _calls(left: Sequence[TraceEvent], right: Sequence[TraceEvent]) -> list[TraceDifference]:
    """Compare the tool calls one by one, in the order of their results."""
    pairs = zip_longest(_called(left), _called(right))
    return [TraceDifference(f"tool_calls[{at}]", *pair) for at, pair in enumerate(pairs) if pair[0] != pair[1]]


def _called(events: Sequence[TraceEvent]) -> list[str]:
    """Return each call as text: its name, its arguments if the trace has them, and how it ended."""
    arguments: dict[str, JsonValue] = {}
    called: list[str] = []
    for event in events:
        data = event["data"]
        place = repr((data.get("path", []), data.get("id")))
        if event["type"] == "tool_call" and "arguments" in data:
            arguments[place] = data["arguments"]
        elif event["type"] == "tool_result":
            known = f"({arguments.pop(place)})" if place in arguments else ""
            output = f": {data['output']}" if "output" in data else ""
            called.append(f"{data.get('name')}{known} {data.get('status')}{output}")
    return called
