"""What one unit of each budget is: every line of the table in docs/budgets.md.

Each run is made twice, with exactly the budget that it needs, and with one unit less. The first completes, the second
ends with its budget exhausted, and what the journal adds up to is the same number.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from typing_extensions import Unpack

from lightagent import (
    AgentOptions,
    ApprovalDecision,
    BudgetExhausted,
    BudgetLimits,
    Budgets,
    ChatModel,
    ChatRequest,
    ContextBudget,
    Delta,
    FallbackModel,
    GuardrailDecision,
    JsonObject,
    LightAgent,
    Limits,
    ModelPrice,
    PriceTable,
    ProviderError,
    ReplyEnd,
    RunResult,
    TextDelta,
    ToolAnswer,
    TreeOfThought,
    Usage,
    spent_in,
    tool,
)
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.domain.conversation.deltas import ModelReply
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.runs.events import ModelReplied, Nested, ToolFinished
from tests.support.planners import look_back, plan, proposals

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\|.*\| `(test_\w+)` \|$", re.MULTILINE)

Unit: TypeAlias = Literal["model_calls", "tool_calls", "tokens"]
Budgeted: TypeAlias = Callable[[Budgets], LightAgent[None, str]]
"""Makes the agent anew, with these budgets."""

ENOUGH = 10_000


def limits(unit: Unit, amount: int) -> BudgetLimits:
    return replace(BudgetLimits(), **{unit: amount})


async def completed(make: Budgeted, budgets: Budgets, query: str = "?") -> RunResult[str]:
    result = await make(budgets).arun(query, result_format="object")
    assert result.success, result.error
    return result


async def needs(make: Budgeted, unit: Unit, amount: int, *, run: int | None = None) -> RunResult[str]:
    """Hold that the tree needs exactly `amount` of a unit, and the run by itself `run`, by default the same."""
    alone = amount if run is None else run
    result = await completed(make, Budgets(limits(unit, amount), limits(unit, alone)))
    assert getattr(spent_in(result.journal), unit) == amount
    assert getattr(spent_in(result.journal, nested=False), unit) == alone
    if amount:
        for budgets in (Budgets(limits(unit, amount - 1)), Budgets(run=limits(unit, alone - 1))):
            short = await make(budgets).arun("?", result_format="object")
            assert isinstance(short.outcome, BudgetExhausted), short.outcome
            assert short.outcome.error.code == "LA-BUDGET"
            assert (short.outcome.error.details or {})["limit"] == unit
            assert getattr(spent_in(short.journal), unit) < amount
    return result


def test_every_line_of_the_table_names_a_test_that_is_there() -> None:
    named = ROW.findall((ROOT / "docs/budgets.md").read_text(encoding="utf-8"))
    files = [ROOT / "tests/functional" / name for name in ("test_budget_units.py", "test_budgets_in_trees.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    assert len(named) > 20
    assert [name for name in named if f"def {name}(" not in text] == []


@tool
def work(number: int) -> int:
    """Works."""
    return number


@tool
def broken(number: int) -> int:
    """Fails."""
    raise ValueError("broken")


def agent_of(*replies: Reply, **options: Unpack[AgentOptions]) -> Budgeted:
    """An agent whose model gives these replies, made anew each time."""

    def make(budgets: Budgets) -> LightAgent[None, str]:
        own: AgentOptions = {"model": ScriptedModel(replies), "tools": [work, broken], "budgets": budgets}
        return LightAgent(**(own | options))

    return make


def busy() -> ProviderError:
    error = ProviderError("busy", code="LA-429")
    error.retry_after = 0.0
    return error


async def test_the_final_answer_is_a_model_call() -> None:
    await needs(agent_of("done"), "model_calls", 1)


async def test_each_attempt_at_a_request_is_a_model_call() -> None:
    await needs(agent_of(busy(), busy(), "done"), "model_calls", 3)


async def test_an_answer_that_is_rejected_costs_the_request_that_follows_it() -> None:
    def make(budgets: Budgets) -> LightAgent[None, int]:
        return LightAgent(model=ScriptedModel(["no number", "7"]), output_type=int, budgets=budgets)

    result = await make(Budgets(BudgetLimits(model_calls=2))).arun("?", result_format="object")
    assert result.output == 7
    assert spent_in(result.journal).model_calls == 2
    short = await make(Budgets(BudgetLimits(model_calls=1))).arun("?", result_format="object")
    assert isinstance(short.outcome, BudgetExhausted)


async def test_a_request_that_a_policy_forbids_is_none() -> None:
    def forbid(text: str, context: JsonObject) -> GuardrailDecision:
        return GuardrailDecision(False, "no")

    agent = agent_of("never", input_guardrails=[forbid])(Budgets(BudgetLimits(model_calls=0)))
    result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "blocked"
    assert spent_in(result.journal).model_calls == 0


async def test_a_summary_is_a_model_call() -> None:
    words = "many words about something " * 40
    budget = ContextBudget(700, "summarize", summary_tokens=60)
    history: list[JsonObject] = [{"role": role, "content": words} for role in ("user", "assistant")]

    async def outcome(calls: int) -> RunResult[str]:
        agent = agent_of("a summary", "done", context_budget=budget)(Budgets(BudgetLimits(model_calls=calls)))
        return await agent.arun(words, history=history, result_format="object")

    enough = await outcome(2)
    assert enough.success, enough.error
    assert spent_in(enough.journal).model_calls == 2
    assert spent_in(enough.journal).tokens == enough.usage.total_tokens
    assert (await outcome(1)).outcome.kind == "budget_exhausted"
    assert (await outcome(0)).outcome.kind == "budget_exhausted"


async def test_each_request_for_a_plan_is_a_model_call() -> None:
    plans = proposals(plan("Work."), plan("Rest."))
    replies = [plans, '{"scores": [0.9, 0.1]}', look_back(plan("Work well.")), "done"]
    result = await needs(agent_of(*replies, tree_of_thought=TreeOfThought(branches=2)), "model_calls", 4)
    assert spent_in(result.journal).tokens == result.usage.total_tokens


async def test_three_parallel_calls_are_three_tool_calls() -> None:
    three = [call_tool("work", number=number) for number in range(3)]
    result = await needs(agent_of(three, "done"), "tool_calls", 3)
    assert [call.status for call in result.tool_calls] == ["ok"] * 3
    await needs(agent_of(three, "done"), "model_calls", 2)


async def test_calls_that_do_not_all_fit_are_not_carried_out() -> None:
    ran: list[int] = []

    def note(number: int) -> int:
        """Notes."""
        ran.append(number)
        return number

    model = ScriptedModel([[call_tool("note", number=number) for number in range(3)]])
    agent = LightAgent(model=model, tools=[note], budgets=BudgetLimits(tool_calls=2))
    result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    assert ran == []
    assert [call.status for call in result.tool_calls] == ["refused"] * 3
    assert spent_in(result.journal).tool_calls == 0


async def test_a_call_that_fails_is_a_tool_call() -> None:
    await needs(agent_of(call_tool("broken", number=1), "done"), "tool_calls", 1)


@pytest.mark.parametrize(
    "call", [call_tool("work", number="one"), call_tool("absent")], ids=["wrong arguments", "no such tool"]
)
async def test_a_call_that_is_refused_before_it_runs_is_none(call: ToolCall) -> None:
    await needs(agent_of(call, "done"), "tool_calls", 0)


async def test_a_call_that_a_policy_refuses_is_none() -> None:
    def forbid(call: JsonObject, context: JsonObject) -> GuardrailDecision:
        return GuardrailDecision(False, "no")

    await needs(agent_of(call_tool("work", number=1), "done", tool_guardrails=[forbid]), "tool_calls", 0)


@pytest.mark.parametrize(
    ("decision", "calls"),
    [
        (ApprovalDecision.approve("fine"), 1),
        (ApprovalDecision.edit({"number": 2}), 1),
        (ApprovalDecision.reject("no"), 0),
        (ApprovalDecision.respond("5"), 0),
    ],
    ids=["approve", "edit", "reject", "respond"],
)
async def test_a_call_counts_once_a_human_has_let_it_run(decision: ApprovalDecision, calls: int) -> None:
    @tool(requires_approval=True)
    def pay(number: int) -> int:
        """Pays."""
        return number

    def make(amount: int, *replies: Reply) -> LightAgent[None, str]:
        return LightAgent(model=ScriptedModel(replies), tools=[pay], budgets=BudgetLimits(tool_calls=amount))

    waiting = await make(calls, call_tool("pay", number=1)).arun("?", result_format="object")
    assert waiting.outcome.kind == "suspended"
    assert spent_in(waiting.journal).tool_calls == 0
    result = await make(calls, "done").aresume(waiting.journal.to_json(), decision)
    assert result.success, result.error
    assert spent_in(result.journal).tool_calls == calls
    if calls:
        short = await make(calls - 1, "done").aresume(waiting.journal.to_json(), decision)
        assert short.outcome.kind == "budget_exhausted"


async def test_a_handoff_is_a_tool_call_and_the_budget_goes_on() -> None:
    @tool
    def move() -> ToolAnswer:
        """Moves."""
        return ToolAnswer("moved", hand_over="other")

    def make(budgets: Budgets) -> LightAgent[None, str]:
        other = LightAgent(
            name="other", model=ScriptedModel(["done"]), tools=[move], budgets=BudgetLimits(model_calls=0)
        )
        return LightAgent(model=ScriptedModel([call_tool("move")]), tools=[move], handoffs=[other], budgets=budgets)

    await needs(make, "tool_calls", 1)
    await needs(make, "model_calls", 2)


@pytest.mark.parametrize("calls", [1, 5])
async def test_agents_that_hand_over_in_circles_stop_at_the_budget(calls: int) -> None:
    @tool
    def go(name: str) -> ToolAnswer:
        """Goes."""
        return ToolAnswer("gone", hand_over=name)

    def turn(target: str) -> ScriptedModel:
        return ScriptedModel(lambda request: call_tool("go", name=target))

    ping, pong = turn("pong"), turn("ping")
    other = LightAgent(name="pong", model=pong, tools=[go])
    budgets = BudgetLimits(model_calls=calls)
    limits = Limits(max_tool_iterations=1_000)
    agent = LightAgent(name="ping", model=ping, tools=[go], handoffs=[other], budgets=budgets, limits=limits)
    result = await agent.arun("?", result_format="object")
    assert isinstance(result.outcome, BudgetExhausted)
    assert len(ping.requests) + len(pong.requests) == calls == spent_in(result.journal).model_calls


def family(budgets: Budgets, child_budgets: Budgets | None = None) -> LightAgent[None, str]:
    child = LightAgent(
        name="child",
        model=ScriptedModel([call_tool("work", number=1), "child is done"]),
        tools=[work],
        budgets=child_budgets,
    )
    return LightAgent(
        model=ScriptedModel([call_tool("child", query="?"), "done"]),
        tools=[child.as_tool("child", "Works.")],
        budgets=budgets,
    )


async def test_a_turn_of_a_child_counts_for_the_tree_and_not_for_the_run() -> None:
    result = await completed(family, Budgets(BudgetLimits(model_calls=4, tool_calls=2)))
    spent, alone = spent_in(result.journal), spent_in(result.journal, nested=False)
    assert (spent.model_calls, alone.model_calls) == (4, 2)
    assert (spent.tool_calls, alone.tool_calls) == (2, 1)
    assert spent.tokens == result.usage.total_tokens > alone.tokens
    for budgets in (Budgets(BudgetLimits(model_calls=3)), Budgets(BudgetLimits(model_calls=2))):
        short = await family(budgets).arun("?", result_format="object")
        assert short.outcome.kind == "budget_exhausted"
    await completed(family, Budgets(run=BudgetLimits(model_calls=2, tool_calls=1)))
    for budgets in (Budgets(run=BudgetLimits(model_calls=1)), Budgets(run=BudgetLimits(tool_calls=0))):
        short = await family(budgets).arun("?", result_format="object")
        assert short.outcome.kind == "budget_exhausted"


async def test_a_child_whose_own_budget_is_spent_fails_as_a_tool_and_its_caller_goes_on() -> None:
    result = await family(Budgets(BudgetLimits(model_calls=9)), Budgets(BudgetLimits(model_calls=1))).arun(
        "?", result_format="object"
    )
    assert result.content == "done"
    [call] = [event for event in result.journal.events if isinstance(event, ToolFinished)]
    assert call.status == "failed"
    assert call.error is not None
    assert call.error.code == "LA-BUDGET"
    assert spent_in(result.journal).model_calls == 3


@pytest.mark.parametrize(("depth", "ends"), [(0, True), (1, False)])
async def test_depth_counts_levels_of_agents(depth: int, ends: bool) -> None:
    result = await family(Budgets(BudgetLimits(depth=depth))).arun("?", result_format="object")
    assert isinstance(result.outcome, BudgetExhausted) == ends
    assert any(isinstance(event, Nested) for event in result.journal.events) != ends


async def test_agents_that_call_each_other_stop_at_their_depth() -> None:
    inner = LightAgent(name="leaf", model=ScriptedModel(["leaf"]))
    for level in range(10):
        inner = LightAgent(
            name=f"level {level}",
            model=ScriptedModel([call_tool("deeper", query="?"), "went on"]),
            tools=[inner.as_tool("deeper", "Deeper.")],
        )
    agent = LightAgent(
        model=ScriptedModel([call_tool("deeper", query="?"), "went on"]),
        tools=[inner.as_tool("deeper", "Deeper.")],
        budgets=BudgetLimits(depth=8),
    )
    result = await agent.arun("?", result_format="object")
    assert result.content == "went on"
    deepest = 0
    for event in result.journal.events:
        depth = 0
        while isinstance(event, Nested):
            depth, event = depth + 1, event.event
        deepest = max(deepest, depth)
    assert deepest == 8


class Reporting(ChatModel):
    """Answers once with a text, and reports what it is told to."""

    name = "reporting"

    def __init__(self, *usages: Usage | None) -> None:
        self._usages = list(usages)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        usage = self._usages.pop(0)
        yield ReplyEnd(usage=usage)
        if self._usages:
            raise busy()
        yield TextDelta("x " * 100)
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


def reporting(*usages: Usage | None) -> Budgeted:
    return lambda budgets: LightAgent(model=Reporting(*usages), budgets=budgets)


async def spent_tokens(make: Budgeted, query: str = "?") -> int:
    result = await completed(make, Budgets(BudgetLimits(tokens=ENOUGH)), query)
    return spent_in(result.journal).tokens


async def test_tokens_are_those_that_the_provider_reports() -> None:
    assert await spent_tokens(reporting(Usage(300, 40, 340))) == 340
    assert await spent_tokens(reporting(Usage(300, 40, 0))) == 340  # A total that is left out is the sum.
    assert await spent_tokens(reporting(Usage(300, 40, 340, cached_input_tokens=200, reasoning_tokens=30))) == 340


async def test_tokens_of_a_failed_attempt_count_as_far_as_they_are_reported() -> None:
    assert await spent_tokens(reporting(Usage(5, 2, 7), Usage(300, 40, 340))) == 347
    assert await spent_tokens(reporting(None, Usage(300, 40, 340))) == 340


@pytest.mark.parametrize("usage", [None, Usage()], ids=["none", "zeros"])
async def test_tokens_that_are_not_reported_are_estimated(usage: Usage | None) -> None:
    short, long = await spent_tokens(reporting(usage)), await spent_tokens(reporting(usage), "word " * 1000)
    assert 50 < short < 200
    assert 1000 < long - short < 2000


async def test_an_answer_beyond_the_tokens_is_given_and_nothing_follows_it() -> None:
    answer = await completed(reporting(Usage(10, 9_000, 9_010)), Budgets(BudgetLimits(tokens=100)))
    assert answer.content.startswith("x x")
    call = AssistantMessage(None, (call_tool("work", number=1),))
    greedy = agent_of(ModelReply(call, ReplyEnd("tool_calls", Usage(10, 9_000, 9_010))), "never")
    short = await greedy(Budgets(BudgetLimits(tokens=100))).arun("?", result_format="object")
    assert short.outcome.kind == "budget_exhausted"
    assert [one.status for one in short.tool_calls] == ["refused"]  # Nobody could read its result any more.
    assert spent_in(short.journal).tokens == 9_010


async def test_a_request_that_cannot_fit_is_not_sent() -> None:
    model = ScriptedModel(["never"])
    agent = LightAgent(model=model, budgets=BudgetLimits(tokens=100))
    result = await agent.arun("word " * 1000, result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    assert model.requests == ()


async def test_max_tokens_of_a_request_are_reserved_so_that_no_answer_goes_beyond_the_budget() -> None:
    model = ScriptedModel(["short"])
    agent = LightAgent(model=model, budgets=BudgetLimits(tokens=1_000), metadata={"max_tokens": 900})
    assert (await agent.arun("?", result_format="object")).success
    refused = LightAgent(model=model, budgets=BudgetLimits(tokens=1_000), metadata={"max_tokens": 1_000})
    assert (await refused.arun("?", result_format="object")).outcome.kind == "budget_exhausted"
    assert len(model.requests) == 1


PRICES = PriceTable({"reporting": ModelPrice(2.0, 8.0, 0.5)})


async def test_cost_is_the_price_of_the_tokens_with_those_from_the_cache_by_themselves() -> None:
    usage = Usage(1_000, 100, 1_100, cached_input_tokens=400)
    make = reporting(usage)
    result = await completed(make, Budgets(BudgetLimits(cost=1.0), prices=PRICES))
    cost = (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1_000_000
    assert spent_in(result.journal, PRICES).cost == pytest.approx(cost, abs=1e-12)
    assert spent_in(result.journal).cost == 0.0


@pytest.mark.parametrize(
    ("usage", "tokens", "cost"),
    [
        (Usage(1_000, 100, 1_600), 1_600, 1_000 * 2.0 + 600 * 8.0),  # Reasoning that is in the total alone.
        (Usage(-5_000, 5_010, 10), 5_011, 1 * 2.0 + 5_010 * 8.0),  # Nothing is given back.
        (Usage(1_000, 100, 1_100, cached_input_tokens=-400), 1_100, 1_000 * 2.0 + 100 * 8.0),
        (Usage(10**400, 0, 0), 10**18, 10**18 * 2.0),
    ],
)
async def test_tokens_that_are_reported_oddly_cost_what_they_must_have_been(
    usage: Usage, tokens: int, cost: float
) -> None:
    result = await completed(reporting(usage), Budgets(BudgetLimits(cost=1.0), prices=PRICES), "")
    spent = spent_in(result.journal, PRICES)
    assert spent.tokens == pytest.approx(tokens, abs=30)  # Where the request is not reported, it is estimated.
    assert spent.cost == pytest.approx(cost / 1_000_000, abs=1e-4)


async def test_a_total_alone_is_of_the_request_first_and_then_of_the_answer() -> None:
    result = await completed(
        reporting(Usage(0, 0, 2_000)), Budgets(BudgetLimits(cost=1.0), prices=PRICES), "word " * 1000
    )
    spent = spent_in(result.journal, PRICES)
    assert spent.tokens == 2_000
    assert 1_000 * 2.0 < spent.cost * 1_000_000 < 1_200 * 2.0 + 1_000 * 8.0


@pytest.mark.parametrize("prices", [PRICES, PriceTable()], ids=["of another", "none"])
async def test_a_model_without_a_price_is_not_asked_where_the_cost_is_limited(prices: PriceTable) -> None:
    model = ScriptedModel(["never"])
    agent = LightAgent(model=model, budgets=Budgets(BudgetLimits(cost=1.0), prices=prices))
    result = await agent.arun("?", result_format="object")
    assert result.outcome.kind == "failed"
    assert result.error is not None
    assert "price table lacks the model 'scripted'" in result.error.message
    assert model.requests == ()


async def test_each_model_of_a_fallback_has_its_own_price() -> None:
    cheap, dear = ScriptedModel([busy()], name="cheap"), ScriptedModel(["done"], name="dear")
    prices = PriceTable({"cheap": ModelPrice(1.0, 1.0), "dear": ModelPrice(100.0, 100.0)})
    agent = LightAgent(model=FallbackModel([cheap, dear]), budgets=Budgets(BudgetLimits(cost=1.0), prices=prices))
    result = await agent.arun("?", result_format="object")
    assert result.success, result.error
    assert spent_in(result.journal, prices).cost == pytest.approx(result.usage.total_tokens * 100 / 1_000_000)


async def test_what_was_spent_is_told_with_the_end() -> None:
    result = await agent_of(call_tool("work", number=1), "done")(Budgets(BudgetLimits(model_calls=1))).arun(
        "?", result_format="object"
    )
    assert result.error is not None
    details = result.error.details or {}
    spent = details["spent"]
    assert isinstance(spent, dict)
    assert (spent["model_calls"], spent["tool_calls"], spent["tokens"]) == (1, 1, result.usage.total_tokens)
    [reply] = [event for event in result.journal.events if isinstance(event, ModelReplied)]
    assert reply.usage is not None
