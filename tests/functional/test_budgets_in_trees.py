"""Budgets of many agents at once, and of runs that go on: exact in calls, bounded in tokens, and never counted anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from typing_extensions import TypeIs

from lightagent import (
    ApprovalDecision,
    BudgetExhausted,
    BudgetLimits,
    Budgets,
    ChatModel,
    ChatRequest,
    Completed,
    ConfigurationError,
    Delta,
    Event,
    Journal,
    LightAgent,
    Limits,
    ModelPrice,
    PriceTable,
    ProviderError,
    ReplyEnd,
    RunResult,
    TextDelta,
    Usage,
    spent_in,
    tool,
)
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.application.projections.usage import total_usage
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.runs.events import ModelFailed, ModelReplied, Nested, Noted, RunFinished
from lightagent.testing.system import ManualClock
from tests.support.loop_clock import jumping

CHILDREN = 100
YES = ApprovalDecision.approve("fine")
PRICES = PriceTable({"counted": ModelPrice(1.0, 2.0), "scripted": ModelPrice(0.0, 0.0)})


@dataclass
class Counted(ChatModel):
    """Costs 700 tokens an answer; every third attempt fails after it told what it cost, unless it is reliable.

    Attributes:
        calls: attempts so far.
        flying: those that are under way, and `most` the most that ever were.
    """

    reliable: bool = True
    calls: int = 0
    flying: int = 0
    most: int = 0
    name: str = "counted"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.calls += 1
        self.flying += 1
        self.most = max(self.most, self.flying)
        number = self.calls
        try:
            await asyncio.sleep(0)
            yield ReplyEnd(usage=Usage(500, 200, 700))
            if not self.reliable and number % 3 == 0:
                error = ProviderError("busy", code="LA-429")
                error.retry_after = 0.0
                raise error
            yield TextDelta("done")
            yield ReplyEnd("stop")
        finally:
            self.flying -= 1

    async def aclose(self) -> None:
        """Nothing is open."""


def parent_of(model: ChatModel, budgets: Budgets) -> LightAgent[None, str]:
    child = LightAgent(name="child", model=model, limits=Limits(max_retry=100))
    calls = [call_tool("child", query=str(number)) for number in range(CHILDREN)]
    return LightAgent(
        model=ScriptedModel([calls, "done"]),
        tools=[child.as_tool("child", "Answers.")],
        budgets=budgets,
        clock=ManualClock(),
    )


async def finished(agent: LightAgent[None, str], *, stream: bool) -> RunResult[str]:
    if not stream:
        return await agent.arun("?", result_format="object")
    events = agent.astream("?", result_format="event")
    async for _ in events:
        pass
    return events.result


def spent_by_error(result: RunResult[str]) -> dict[str, object]:
    assert isinstance(result.outcome, BudgetExhausted), result.outcome
    spent = (result.outcome.error.details or {})["spent"]
    assert isinstance(spent, dict)
    return dict(spent)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "failing"])
async def test_a_hundred_children_at_once_make_not_one_call_too_many(stream: bool, reliable: bool) -> None:
    model = Counted(reliable)
    result = await finished(parent_of(model, Budgets(BudgetLimits(model_calls=50), prices=PRICES)), stream=stream)
    assert model.calls + 1 == 50
    told, spent = spent_by_error(result), spent_in(result.journal, PRICES)
    assert told == {**spent.to_dict(), "seconds": 0.0}
    assert spent.model_calls == 50
    assert spent.tokens == total_usage(result.journal.events).total_tokens > 49 * 700


@pytest.mark.parametrize("limits", [BudgetLimits(tokens=10_000), BudgetLimits(cost=0.02)], ids=["tokens", "cost"])
@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "failing"])
async def test_tokens_and_cost_go_beyond_by_at_most_what_is_in_flight(limits: BudgetLimits, reliable: bool) -> None:
    model = Counted(reliable)
    result = await finished(parent_of(model, Budgets(limits, prices=PRICES)), stream=False)
    told, spent = spent_by_error(result), spent_in(result.journal, PRICES)
    assert told == {**spent.to_dict(), "seconds": 0.0}
    answer = Usage(500, 200, 700)
    cost = PRICES.prices["counted"].picos(answer)
    if limits.tokens is not None:
        assert limits.tokens - 700 <= spent.tokens <= limits.tokens + model.most * 700
    if limits.cost is not None:
        assert spent.cost <= limits.cost + model.most * cost / 10**12
        assert spent.picos == model.calls * cost
    assert spent.tokens == total_usage(result.journal.events).total_tokens


async def test_a_hundred_children_within_the_budget_are_settled_exactly() -> None:
    model = Counted(reliable=False)
    limits = BudgetLimits(model_calls=1_000, tool_calls=CHILDREN, tokens=1_000_000, cost=1.0)
    result = await finished(parent_of(model, Budgets(limits, prices=PRICES)), stream=False)
    assert result.content == "done"
    spent = spent_in(result.journal, PRICES)
    assert (spent.model_calls, spent.tool_calls) == (model.calls + 2, CHILDREN)
    assert spent.picos == model.calls * PRICES.prices["counted"].picos(Usage(500, 200, 700))
    failed = [event for event in result.journal.events if isinstance(event, Nested)]
    assert sum(isinstance(event.event, ModelFailed) for event in failed) == model.calls - CHILDREN


@jumping
async def test_children_that_are_cancelled_are_settled_as_far_as_they_are_known() -> None:
    class Hanging(Counted):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            self.calls += 1
            yield ReplyEnd(usage=Usage(5, 2, 7))
            await asyncio.Event().wait()

    model = Hanging()
    agent = parent_of(model, Budgets(BudgetLimits(seconds=0.5, model_calls=200)))
    result = await agent.arun("?", result_format="object")
    assert spent_by_error(result)["model_calls"] == CHILDREN + 1
    assert spent_in(result.journal).model_calls == model.calls + 1
    assert spent_in(result.journal).tokens == total_usage(result.journal.events).total_tokens


def working(request: ChatRequest) -> Reply:
    """Calls one of its tools once, and is done."""
    if isinstance(request.messages[-1], ToolMessage):
        return "done"
    [spec] = request.tools
    return call_tool(spec.name, **({"query": "?"} if spec.name.endswith("agent") else {"number": 1}))


@tool(idempotent=True)
def work(number: int) -> int:
    """Works."""
    return number


def family(budgets: Budgets | None, of_child: Budgets | None = None) -> LightAgent[None, str]:
    """Three agents, each of which calls the next one."""
    clerk = LightAgent(name="clerk", model=ScriptedModel(working), tools=[work], budgets=of_child)
    desk = LightAgent(name="desk", model=ScriptedModel(working), tools=[clerk.as_tool("clerk_agent", "Works.")])
    tools = [desk.as_tool("desk_agent", "Works.")]
    return LightAgent(name="lead", model=ScriptedModel(working), tools=tools, budgets=budgets)


async def all_events(agent: LightAgent[None, str]) -> Sequence[Event]:
    return [event async for event in agent.aevents("?")]


async def test_a_run_that_was_cut_anywhere_goes_on_with_what_is_left() -> None:
    enough = Budgets(BudgetLimits(model_calls=100, tool_calls=100))
    events = await all_events(family(enough))
    assert spent_in(Journal(tuple(events))).model_calls == 6
    for cut in range(1, len(events)):
        journal = Journal(tuple(events[:cut]))
        before = spent_in(journal)
        result = await family(enough).aresume(journal)
        assert result.content == "done", cut
        spent = spent_in(result.journal)
        # A request that was under way is made again, and counts again. A call that was under way goes on.
        assert spent.model_calls - 6 in (0, 1), cut
        assert spent.tool_calls == 3, cut
        for calls, completes in ((spent.model_calls, True), (spent.model_calls - 1, False)):
            if calls < before.model_calls or spent.model_calls == before.model_calls:
                continue
            again = await family(Budgets(BudgetLimits(model_calls=calls))).aresume(journal)
            assert again.success == completes, (cut, calls, again.outcome)
            assert completes or spent_in(again.journal).model_calls == calls


async def test_the_own_budget_of_a_nested_run_goes_on_as_well() -> None:
    events = await all_events(family(None, Budgets(BudgetLimits(model_calls=100))))
    for cut in range(1, len(events)):
        answered = sum(isinstance(event, ModelReplied) for event in of_clerk(events[:cut]))
        for calls in (1, 3):
            agent = family(None, Budgets(BudgetLimits(model_calls=calls)))
            result = await agent.aresume(Journal(tuple(events[:cut])))
            assert result.success, cut
            [end] = [event.outcome for event in of_clerk(result.journal.events) if isinstance(event, RunFinished)]
            assert isinstance(end, Completed) == (calls == 3 or answered == 2), (cut, calls)


def of_clerk(events: Sequence[Event]) -> list[Event]:
    """The events of the innermost run."""
    nested = [event.event for event in events if isinstance(event, Nested)]
    return [event.event for event in nested if isinstance(event, Nested)]


@pytest.mark.parametrize(("own", "tree", "end"), [(2, 4, "done"), (1, 4, "done"), (2, 3, None), (2, 2, None)])
async def test_a_nested_run_that_waits_for_a_human_goes_on_with_what_is_left(
    own: int, tree: int, end: str | None
) -> None:
    @tool(requires_approval=True)
    def pay(number: int) -> int:
        """Pays."""
        return number

    def parent(of_child: int, of_tree: int) -> LightAgent[None, str]:
        budgets = Budgets(run=BudgetLimits(model_calls=of_child, tool_calls=1))
        child = LightAgent(name="child", model=ScriptedModel(working), tools=[pay], budgets=budgets)
        tools = [child.as_tool("child_agent", "Pays.")]
        return LightAgent(model=ScriptedModel(working), tools=tools, budgets=BudgetLimits(model_calls=of_tree))

    waiting = await parent(own, tree).arun("?", result_format="object")
    assert waiting.outcome.kind == "suspended"
    assert spent_in(waiting.journal).model_calls == 2
    result = await parent(own, tree).aresume(waiting.journal.to_json(), YES)
    assert (result.content if result.success else None) == end
    [ended] = [event.event for event in result.journal.events if _ends_child(event)][-1:]
    assert isinstance(ended, RunFinished)
    assert (ended.outcome.kind == "completed") == (own == 2 and tree > 2)
    # The answer of the child needs a third call, and that of its parent the fourth.
    assert spent_in(result.journal).model_calls == min(tree, own + 2)


def _ends_child(event: Event) -> TypeIs[Nested]:
    return isinstance(event, Nested) and isinstance(event.event, RunFinished)


async def test_a_run_with_a_budget_is_not_resumed_without_one() -> None:
    events = await all_events(family(Budgets(BudgetLimits(model_calls=100))))
    with pytest.raises(ConfigurationError, match="policies that this agent lacks: budgets"):
        await family(None).aresume(Journal(tuple(events[:3])))


async def test_a_run_may_have_budgets_of_its_own_which_whoever_resumes_it_passes_again() -> None:
    agent = family(Budgets(BudgetLimits(model_calls=1)))
    ample = BudgetLimits(model_calls=100)
    assert not (await agent.arun("?", result_format="object")).success
    result = await agent.arun("?", budgets=ample, result_format="object")
    assert result.content == "done"
    short = await agent.arun("?", budgets=Budgets(BudgetLimits(model_calls=5)), result_format="object")
    assert spent_by_error(short)["model_calls"] == 5
    plain = family(None)
    journal = Journal(tuple([event async for event in plain.aevents("?", budgets=ample)][:9]))
    with pytest.raises(ConfigurationError, match="policies that this agent lacks: budgets"):
        await plain.aresume(journal)
    assert (await plain.aresume(journal, budgets=ample)).content == "done"
    spent = spent_in(journal).model_calls
    late = await plain.aresume(journal, budgets=BudgetLimits(model_calls=spent))
    assert spent_by_error(late)["model_calls"] == spent


async def test_seconds_of_a_run_go_on_and_the_time_between_does_not_count() -> None:
    clock = ManualClock()

    @tool(requires_approval=True)
    def pay(number: int) -> int:
        """Pays."""
        clock.advance(20)
        return number

    def agent(seconds: float, *replies: Reply) -> LightAgent[None, str]:
        told = iter(replies)

        def slowly(request: ChatRequest) -> Reply:
            clock.advance(30)
            return next(told)

        model = ScriptedModel(slowly)
        return LightAgent(model=model, tools=[pay], budgets=BudgetLimits(seconds=seconds), clock=clock)

    first = await agent(1_000, call_tool("pay", number=1)).arun("?", result_format="object")
    assert spent_in(first.journal).seconds == 30
    clock.advance(100_000)
    waiting = first.journal.to_json()
    second = await agent(1_000, "done").aresume(waiting, YES)
    assert second.success, second.outcome
    assert spent_in(second.journal).seconds == 30 + 20 + 30
    assert [event.kind for event in second.journal.events if isinstance(event, Noted)] == ["resumed"]
    late = await agent(30, "done").aresume(waiting, YES)
    assert isinstance(late.outcome, BudgetExhausted)
    assert late.outcome.error.message == (
        "The budget of this run and the agents that it calls allows 30 seconds, of which nothing is left."
    )
