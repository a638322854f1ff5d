"""A summary of a trace, counted from its events, including those of the 0.9 line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from lightagent.domain.budgets.budget import PICOS
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.telemetry.trace_summary import TraceSummary
from lightagent.domain.usage import Usage, normalize_usage

_ANSWERED = ("ok", "answered")


def summarize_trace(
    events: Iterable[Mapping[str, object]],
    usage: object = None,
    pricing: Mapping[str, float] | PriceTable | None = None,
) -> TraceSummary:
    """Return the counts, times, tokens and cost of a trace.

    Args:
        events: as returned by `export_trace`; items in another form are not counted.
        usage: overrides the usage in the trace's end; a `Usage`, or what `normalize_usage` accepts.
        pricing: ``{"input_per_million": …, "output_per_million": …}`` in any currency, for all models; or the prices of
            each model, such as `litellm_prices()`.
    """
    events = [*events]
    lines = [(str(event.get("type", "")), _data(event)) for event in events]
    counts = Counter(kind for kind, _ in lines)
    end = next((data for kind, data in reversed(lines) if kind == "run_end"), {})
    errors = Counter(_category(data) for kind, data in lines if kind == "error")
    calls = counts["tool_call"]
    used = _used(usage, end, lines)
    return TraceSummary(
        trace_id=str(events[0].get("trace_id") or "") if events else "",
        success=end.get("success") is True,
        duration_ms=_number(end, "duration_ms"),
        model_request_count=counts["model_request"],
        tool_call_count=calls,
        error_count=counts["error"],
        retry_count=max(
            int(_number(end, "retry_count") or 0), sum(count for name, count in errors.items() if "retry" in name)
        ),
        usage=used,
        cost=_cost(events, used, pricing, given=usage is not None),
        event_counts=dict(counts),
        model_latency_ms=_took(lines, "model_request", "latency"),
        tool_success_count=min(calls, sum(kind == "tool_result" and _succeeded(data) for kind, data in lines)),
        tool_latency_ms=_took(lines, "tool_result", "duration"),
        error_categories=dict(errors),
        review_counts={
            kind: count for kind, count in counts.items() if kind.startswith("approval_") or kind == "human_feedback"
        },
    )


def _used(usage: object, end: Mapping[str, object], lines: Iterable[tuple[str, Mapping[str, object]]]) -> Usage:
    """Return the caller's usage, or else that of the trace's end, or else the sum over the requests."""
    if usage is not None:
        return normalize_usage(usage)
    if isinstance(end.get("usage"), Mapping):
        return normalize_usage(end["usage"])
    return sum((normalize_usage(data.get("usage")) for kind, data in lines if kind == "model_request"), Usage())


def _cost(
    events: Iterable[Mapping[str, object]],
    used: Usage,
    pricing: Mapping[str, float] | PriceTable | None,
    *,
    given: bool,
) -> float | None:
    if not isinstance(pricing, PriceTable):
        return flat_cost(used, pricing) if pricing else None
    return None if given else priced_cost(events, pricing)  # Tokens given by the caller belong to no model.


def _took(lines: Iterable[tuple[str, Mapping[str, object]]], kind: str, name: str) -> float:
    """Return milliseconds, from seconds in `name`, or from `latency_ms`, which the 0.9 line wrote."""
    found = (data for each, data in lines if each == kind)
    return round(sum((_number(data, name) or 0) * 1000 or _number(data, "latency_ms") or 0 for data in found), 3)


def _succeeded(data: Mapping[str, object]) -> bool:
    return data["status"] in _ANSWERED if "status" in data else not data.get("error")


def _category(data: Mapping[str, object]) -> str:
    return str(data.get("category") or data.get("stage") or "unknown")


def _data(event: Mapping[str, object]) -> Mapping[str, object]:
    data = event.get("data")
    return data if isinstance(data, Mapping) else {}


def _number(data: Mapping[str, object], name: str) -> float | None:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def flat_cost(usage: Usage, pricing: Mapping[str, float]) -> float:
    """Return the cost of tokens at a single price, ``{"input_per_million": …, "output_per_million": …}``."""
    given = usage.input_tokens * float(pricing.get("input_per_million", 0.0))
    made = usage.output_tokens * float(pricing.get("output_per_million", 0.0))
    return round((given + made) / 1_000_000, 8)


def priced_cost(events: Iterable[Mapping[str, object]], prices: PriceTable) -> float | None:
    """Return the cost of a trace's requests at their models' prices; None if a model that used tokens has no price."""
    picos = 0
    for names, usage in _uses(events):
        price = prices.find(*names)
        if price is not None:
            picos += price.picos(usage)
        elif usage.input_tokens or usage.output_tokens:
            return None
    return picos / PICOS


def _uses(events: Iterable[Mapping[str, object]]) -> list[tuple[list[str], Usage]]:
    """Return the names of the model and the tokens of each request, plan, summary and conclusion."""
    uses: list[tuple[list[str], Usage]] = []
    last: dict[str, list[str]] = {}
    run_model = ""
    for event in events:
        data = event.get("data")
        if not isinstance(data, dict):
            continue
        model = data.get("model") if isinstance(data.get("model"), str) else ""
        match event.get("type"):
            case "run_start" if not run_model:
                run_model = str(model)
            case "model_request":
                names = [name for name in (str(model), run_model) if name][:1]
                last[_path(data)] = names
                uses.append((names, _usage(data)))
            case "model_response" if model:  # The server's name, which includes the version, first.
                last.get(_path(data), []).insert(0, str(model))
            case "plan":  # Planning may use another model.
                uses.append(([str(model) or run_model], _usage(data)))
            case "context_replaced" | "concluded":
                uses.append(([run_model], _usage(data)))
            case _:
                pass
    return uses


def _path(data: Mapping[str, object]) -> str:
    """Return the path of the nested run that an event belongs to."""
    return repr(data.get("path", []))


def _usage(data: Mapping[str, object]) -> Usage:
    told = data.get("usage")
    return normalize_usage(told if isinstance(told, dict) else None)
