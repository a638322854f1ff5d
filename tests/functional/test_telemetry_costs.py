"""What model calls cost, on their spans: from the parts of their usage, by the prices that the run has."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import (
    BudgetLimits,
    Budgets,
    ChatModel,
    ChatRequest,
    ContextBudget,
    Delta,
    LightAgent,
    ModelPrice,
    PriceTable,
    ReplyEnd,
    TextDelta,
    Usage,
    spent_in,
    summarize_trace,
)
from lightagent.settings.sections.budgets import BudgetSettings, PriceSettings, compose_budget_settings
from lightagent.testing import ScriptedModel, call_tool
from tests.support.recorded_spans import RecordedSpans, attributes

PRICES = PriceTable({"house": ModelPrice(2.0, 8.0, 0.5)})
USED = Usage(1_000, 100, 1_100, cached_input_tokens=400, reasoning_tokens=50)
COST = (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6


class House(ChatModel):
    """Answers, and tells what that took."""

    def __init__(self, name: str = "house", reported: str = "", usage: Usage | None = USED) -> None:
        self._name, self._reported, self._usage = name, reported, usage

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield TextDelta("Yes.")
        yield ReplyEnd("stop", self._usage, self._reported)

    async def aclose(self) -> None:
        """Nothing is open."""


def costs(spans: RecordedSpans, name: str) -> list[object]:
    return [attributes(span).get("lightagent.cost") for span in spans.named(name)]


async def test_a_call_costs_what_its_parts_cost_by_the_prices_of_the_run() -> None:
    spans = RecordedSpans()
    agent = LightAgent(name="desk", model=House(), telemetry=[spans.sink], budgets=Budgets(prices=PRICES))
    await agent.arun("?")
    assert costs(spans, "chat") == [pytest.approx(COST)]
    assert costs(spans, "invoke_agent") == [None]


async def test_what_is_written_to_a_cache_costs_what_a_write_costs() -> None:
    spans = RecordedSpans(sum_usage=True)
    usage = Usage(1_000, 100, 1_100, cached_input_tokens=300, cache_write_tokens=500)
    prices = PriceTable({"house": ModelPrice(3.0, 15.0, 0.3, 3.75)})
    agent = LightAgent(model=House(usage=usage), telemetry=[spans.sink], budgets=Budgets(prices=prices))
    result = await agent.arun("?", result_format="object", trace=True)
    cost = (200 * 3.0 + 300 * 0.3 + 500 * 3.75 + 100 * 15.0) / 1e6
    assert costs(spans, "chat") == costs(spans, "invoke_agent") == [pytest.approx(cost)]
    assert attributes(spans.one("invoke_agent"))["gen_ai.usage.cache_creation.input_tokens"] == 500
    assert result.usage.cache_write_tokens == 500
    assert spent_in(result.journal, prices).cost == pytest.approx(cost)
    summary = summarize_trace(result.trace, pricing=prices)
    assert summary.usage == usage
    assert summary.cost == pytest.approx(cost)


@pytest.mark.parametrize(
    "budgets", [None, BudgetLimits(model_calls=9), Budgets(prices=PriceTable({"other": ModelPrice(1.0, 1.0)}))]
)
async def test_without_a_price_no_cost_is_told(budgets: Budgets | BudgetLimits | None) -> None:
    spans = RecordedSpans(sum_usage=True)
    await LightAgent(name="desk", model=House(), telemetry=[spans.sink], budgets=budgets).arun("?")
    assert costs(spans, "chat") == costs(spans, "invoke_agent") == [None]


async def test_tokens_that_nobody_told_cost_nothing_that_could_be_told() -> None:
    spans = RecordedSpans(sum_usage=True)
    model = House(usage=None)
    await LightAgent(name="desk", model=model, telemetry=[spans.sink], budgets=Budgets(prices=PRICES)).arun("?")
    assert costs(spans, "chat") == costs(spans, "invoke_agent") == [None]


async def test_the_name_that_the_provider_reports_has_precedence() -> None:
    spans = RecordedSpans()
    prices = PRICES | PriceTable({"house-2026": ModelPrice(4.0, 8.0, 0.5)})
    model = House(reported="house-2026")
    await LightAgent(name="desk", model=model, telemetry=[spans.sink], budgets=Budgets(prices=prices)).arun("?")
    assert costs(spans, "chat") == [pytest.approx(COST + 600 * 2.0 / 1e6)]


async def test_budgets_of_one_run_may_have_prices_of_their_own() -> None:
    spans = RecordedSpans()
    dear = Budgets(BudgetLimits(cost=1.0), prices=PriceTable({"house": ModelPrice(2.0, 8.0)}))
    agent = LightAgent(name="desk", model=House(), telemetry=[spans.sink], budgets=Budgets(prices=PRICES))
    await agent.arun("?", budgets=dear)
    await agent.arun("?", budgets=BudgetLimits(model_calls=9))
    assert costs(spans, "chat") == [pytest.approx(COST + 400 * 1.5 / 1e6), pytest.approx(COST)]


async def test_an_agent_that_is_called_is_priced_as_the_run_around_it_and_summed_by_itself() -> None:
    spans = RecordedSpans(sum_usage=True)
    child = LightAgent(name="child", model=House())
    model = ScriptedModel([[call_tool("child", query="?")], "done"])
    tools = [child.as_tool("child", "A child.")]
    prices = PRICES | PriceTable({"scripted": ModelPrice(1.0, 1.0)})
    agent = LightAgent(name="desk", model=model, tools=tools, telemetry=[spans.sink], budgets=Budgets(prices=prices))
    await agent.arun("?")
    assert costs(spans, "chat house") == costs(spans, "invoke_agent child") == [pytest.approx(COST)]
    own = [cost for cost in costs(spans, "chat scripted") if isinstance(cost, float)]
    assert len(own) == 2
    assert costs(spans, "invoke_agent desk") == [pytest.approx(sum(own))]


async def test_a_sum_that_lacks_a_price_is_not_told() -> None:
    spans = RecordedSpans(sum_usage=True)
    history = [{"role": "user", "content": "long ago " * 400}, {"role": "assistant", "content": "Yes."}] * 3
    budget = ContextBudget(1_500, strategy="summarize", model=House("cheap"))
    agent = LightAgent(
        name="desk", model=House(), telemetry=[spans.sink], context_budget=budget, budgets=Budgets(prices=PRICES)
    )
    await agent.arun("?", history=history)
    assert costs(spans, "chat cheap") == [None]
    assert costs(spans, "chat house") == [pytest.approx(COST)]
    assert costs(spans, "invoke_agent") == [None]


def test_settings_may_name_prices_without_a_limit() -> None:
    price = PriceSettings(input_per_million=2.0, output_per_million=8.0)
    budgets = compose_budget_settings(BudgetSettings(prices={"house": price}), None)
    assert budgets is not None
    assert budgets.prices is not None
    assert budgets.prices.find("house") == ModelPrice(2.0, 8.0)
    assert compose_budget_settings(BudgetSettings(), None) is None
