"""Prices: exact sums, names of models, and the table of LiteLLM, which is read without loading or fetching anything."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from lightagent import (
    BudgetLimits,
    Budgets,
    ConfigurationError,
    LightAgent,
    ModelPrice,
    PriceTable,
    Usage,
    litellm_prices,
)
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.prices import prices_of
from lightagent.domain.budgets.budget import PICOS


def test_costs_are_exact() -> None:
    price = ModelPrice(0.15, 0.6, 0.075)
    usage = Usage(1_000_000, 500_000, 1_500_000, cached_input_tokens=400_000)
    assert price.picos(usage) == PICOS * (600_000 * 150 + 400_000 * 75 + 500_000 * 600) // 10**9
    one = price.picos(Usage(1, 1, 2))
    assert sum([one] * 1_000_000) == price.picos(Usage(1_000_000, 1_000_000, 2_000_000))


def test_a_model_without_a_price_for_the_cache_pays_the_whole_for_it() -> None:
    assert ModelPrice(2, 0).picos(Usage(100, 0, 100, cached_input_tokens=60)) == 100 * 2 * PICOS // 10**6


def test_what_is_written_to_a_cache_has_a_price_of_its_own() -> None:
    usage = Usage(1_000, 0, 1_000, cached_input_tokens=300, cache_write_tokens=500)
    assert ModelPrice(3, 15, 0.3, 3.75).picos(usage) == (200 * 3_000 + 300 * 300 + 500 * 3_750) * PICOS // 10**9
    assert ModelPrice(3, 15, 0.3).picos(usage) == (700 * 3_000 + 300 * 300) * PICOS // 10**9
    odd = Usage(100, 0, 100, cached_input_tokens=60, cache_write_tokens=900)
    assert ModelPrice(2, 0, 1, 4).picos(odd) == (60 * 1 + 40 * 4) * PICOS // 10**6
    with pytest.raises(ConfigurationError, match="cache_write_per_million"):
        ModelPrice(1, 1, 1, -1)


def test_costs_are_never_negative() -> None:
    assert ModelPrice(2, 0, 1).picos(Usage(100, 0, 100, cached_input_tokens=900)) == 100 * PICOS // 10**6


@pytest.mark.parametrize("price", [-1, True, "2", float("nan"), float("inf"), None])
def test_an_invalid_price_is_refused(price: object) -> None:
    with pytest.raises(ConfigurationError, match="output_per_million"):
        ModelPrice(1, price)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="ModelPrice"):
        PriceTable({"m": price})  # type: ignore[dict-item]
    if price is None:
        with pytest.raises(ConfigurationError, match="prices"):
            PriceTable(price)  # type: ignore[arg-type]


def test_names_are_looked_up_with_their_provider_and_then_without() -> None:
    here, there = ModelPrice(1, 1), ModelPrice(2, 2)
    table = PriceTable({"gpt-4.1": here, "azure/gpt-4.1": there})
    assert table.find("gpt-4.1") is here
    assert table.find("openai/gpt-4.1") is here
    assert table.find("azure/gpt-4.1") is there
    assert table.find("gpt-4.1-2025-04-14", "azure/gpt-4.1") is there
    assert table.find("gpt-4") is None
    assert (PriceTable({"gpt-4.1": there}) | table).find("gpt-4.1") is there


def test_a_price_of_zero_is_a_price() -> None:
    assert PriceTable({"local": ModelPrice(0, 0)}).find("local") is not None


def test_the_table_of_litellm_has_well_known_models() -> None:
    table = litellm_prices()
    if table is None:
        pytest.skip("LiteLLM is not installed")
    found = table.find("gpt-4.1")
    assert found == ModelPrice(2.0, 8.0, 0.5)
    assert len(table.prices) > 1_000


def test_the_table_of_litellm_is_read_without_importing_it() -> None:
    program = "import sys; from lightagent import litellm_prices; litellm_prices(); print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50)
    assert done.stdout == "False\n"


def test_the_table_of_litellm_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = '{"small": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}}'
    (tmp_path / "model_prices_and_context_window_backup.json").write_text(prices)
    spec = ModuleSpec("litellm", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("lightagent.adapters.prices.find_spec", lambda name: spec)
    table = litellm_prices()
    assert table == PriceTable({"small": ModelPrice(2.0, 8.0)})
    assert litellm_prices() is table


def test_invalid_entries_are_left_out() -> None:
    table = {
        "good": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06},
        "cached": {
            "input_cost_per_token": 3e-06,
            "output_cost_per_token": 1.5e-05,
            "cache_read_input_token_cost": 3e-07,
            "cache_creation_input_token_cost": 3.75e-06,
        },
        "image": {"input_cost_per_image": 1},
        "text": {"input_cost_per_token": "2e-06", "output_cost_per_token": 8e-06},
        "odd": {"input_cost_per_token": -1, "output_cost_per_token": True},
        "none": None,
    }
    assert prices_of(table) == {"good": ModelPrice(2.0, 8.0), "cached": ModelPrice(3.0, 15.0, 0.3, 3.75)}
    assert prices_of([1, 2]) == {}


def test_a_cost_without_prices_is_refused_when_the_agent_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.adapters.prices.find_spec", lambda name: None)
    for limits in (Budgets(BudgetLimits(cost=1)), Budgets(run=BudgetLimits(cost=1)), BudgetLimits(cost=1)):
        with pytest.raises(ConfigurationError, match="prices are missing"):
            LightAgent(model=ScriptedModel("never"), budgets=limits)
    LightAgent(model=ScriptedModel("never"), budgets=BudgetLimits(tokens=1))
