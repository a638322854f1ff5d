"""Prices of models from LiteLLM's table, which is read as a file: nothing is downloaded or imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from lightagent.domain.budgets.prices import ModelPrice, PriceTable

_FILE: Final = "model_prices_and_context_window_backup.json"
_MILLION: Final = 1_000_000


def litellm_prices() -> PriceTable | None:
    """Return the prices in US dollars of the installed LiteLLM, or None if it is not installed.

    They are as old as that version. `PriceTable({...}) | litellm_prices()` has your own before them.
    """
    spec = find_spec("litellm")
    places = spec.submodule_search_locations if spec is not None else None
    files = [file for place in places or () if (file := Path(place) / _FILE).is_file()]
    return _table(files[0]) if files else None


@cache
def _table(file: Path) -> PriceTable:
    """Return the prices in a file. They are cached, since each run with a budget needs them."""
    read: object = json.loads(file.read_text(encoding="utf-8"))
    return PriceTable(prices_of(read))


def prices_of(table: object) -> dict[str, ModelPrice]:
    """Return the prices in a table of LiteLLM's form, without models that are not priced by token."""
    found: dict[str, ModelPrice] = {}
    for name, entry in table.items() if isinstance(table, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        given = _per_million(entry.get("input_cost_per_token"))
        made = _per_million(entry.get("output_cost_per_token"))
        if given is not None and made is not None:
            cached = _per_million(entry.get("cache_read_input_token_cost"))
            written = _per_million(entry.get("cache_creation_input_token_cost"))
            found[str(name)] = ModelPrice(given, made, cached, written)
    return found


def _per_million(price: object) -> float | None:
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < 1:
        return None
    return round(price * _MILLION, 6)
