"""The costs of the models in a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lightagent.domain.budgets.budget import PICOS
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.usage import Usage, normalize_usage


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
