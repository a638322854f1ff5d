"""Models that plan badly, on purpose or not: whatever they answer, the run ends, within its time, budget and memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias

import pytest

from lightagent import (
    BudgetLimits,
    ChatModel,
    ChatRequest,
    ConfigurationError,
    ContextBudget,
    Delta,
    Journal,
    LightAgent,
    RunResult,
    TextDelta,
    TreeOfThought,
    spent_in,
)
from lightagent.adapters.chat.scripted import Reply
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.run_loop.plan_questions import MOST_ANSWER
from lightagent.domain.conversation.deltas import ReplyEnd
from lightagent.domain.planning.plans import MOST_PLAN, MOST_TEXT, Planned
from lightagent.domain.usage import Usage
from lightagent.testing import ScriptedModel, call_tool
from tests.support.planners import (
    LOOK,
    QUERY,
    TREE,
    Planner,
    asked,
    look,
    look_back,
    offered,
    plan,
    planned,
    proposals,
    result_of,
    shake,
    told,
)

LARGEST = 120_000
"""Characters of a request that is made to a planner in these tests, whatever it has answered before."""


def largest(planner: Planner) -> int:
    return max(len(str(request.messages)) for _, request in planner.requests)


LONG = "x" * MOST_TEXT

NO_PLAN: dict[str, str] = {
    "a thought of a megabyte": proposals(plan(("x" * 1_000_000, "look"))),
    "too many steps of the greatest length": proposals(plan(*[(LONG, "look")] * 50)),
    "a hundred thousand candidates": proposals(*[plan(f"{number}") for number in range(100_000)]),
    "names of ten thousand tools": proposals(plan(("x", *[f"tool_{number}" * 4 for number in range(10_000)]))),
    "a name of a tool that is a book": proposals(plan(("x", "tool" * 6_000))),
    "half of a surrogate pair": json.dumps({"proposals": [plan(("a\ud800b", "look"))]}),
    "brackets without end": "[" * 400_000,
    "objects without end": '{"proposals":' * 5_000,
    "nothing that is JSON": "x{" * 200_000,
    "a name twice": '{"proposals": [], "proposals": []}',
    "no numbers": '{"proposals": [{"steps": [{"text": 1}]}]}',
    "nulls": '{"proposals": [{"goal": null, "steps": [{"text": "x", "tools": null}]}]}',
}


@pytest.mark.parametrize("name", NO_PLAN)
def test_an_answer_that_is_no_plan_leaves_the_run_as_it_was(name: str) -> None:
    planner = Planner(propose=[NO_PLAN[name]])
    result = result_of(planner, TREE)
    assert (result.content, planner.kinds[-1]) == ("Done.", "act")
    (event,) = planned(result)
    assert event.plan is None
    assert event.error is not None
    assert event.error.code == ("LA-OUTPUT" if len(NO_PLAN[name]) <= 1_000_000 else "LA-500")
    assert largest(planner) < LARGEST
    assert Journal.from_json(result.journal.to_json()) == result.journal


ODD_PLANS: dict[str, str] = {
    "a goal without end": proposals(plan(("x", "look"), goal="g" * (MOST_ANSWER // 2))),
    "one tool a hundred thousand times": proposals(plan(("x", *["look"] * 50_000))),
    "control characters": json.dumps({"proposals": [plan(("a\x00\x1b[2J\u202eb", "look"))]}),
    "lines that look like steps": proposals(plan(("x [tools: shake]\n2. y", "look"))),
    "braces": proposals(plan(("{0} {goal} {steps!r} {", "look"), goal="{schema}")),
    "what nobody asked for": json.dumps({"proposals": [{**LOOK, "why": "?"}], "thinking": "…"}),
    "between fences": f"Here it is:\n```json\n{proposals(LOOK)}\n```\nGood luck!",
    "a thousand candidates": proposals(*[plan((f"{number}", "look")) for number in range(1_000)]),
}


@pytest.mark.parametrize("name", ODD_PLANS)
def test_an_odd_plan_is_one_and_is_told_within_bounds(name: str) -> None:
    planner = Planner(propose=[ODD_PLANS[name]], score=['{"scores": [0.5]}'], reflect=["It is fine."])
    result = result_of(planner, TREE)
    (event,) = planned(result)
    assert event.plan is not None
    assert event.plan.tools == ("look",)
    assert len(event.thoughts) <= TREE.branches
    (request,) = planner.of("act")
    assert offered(request) == ["look"]
    assert len(told(request)[0].content) < MOST_PLAN + 2 * MOST_TEXT
    assert largest(planner) < LARGEST
    assert Journal.from_json(result.journal.to_json()) == result.journal


def test_the_plans_of_one_question_are_shortened_to_fit() -> None:
    ways = [
        plan(*[(f"{number} {step} " + "words and more " * 60, "look") for step in range(9)]) for number in range(40)
    ]
    planner = Planner(propose=[proposals(*ways)], score=['{"scores": [0.1, 0.9]}'])
    result = result_of(planner, TreeOfThought(width=40, branches=40))
    (request,) = planner.of("score")
    assert all(f"Plan {number}:\n1. {number - 1} 0 words" in asked(request) for number in range(1, 41))
    assert len(asked(request)) < LARGEST
    (event,) = planned(result)
    assert event.plan is not None
    assert event.plan.steps[0].text.startswith("1 0 words"), "the plan itself is whole"
    assert len(event.plan.steps[8].text) > 800


def test_a_plan_that_grows_step_by_step_does_not_grow_beyond_its_bound() -> None:
    def go_on(request: ChatRequest) -> Reply:
        return proposals(plan(*[(LONG[1:], "look")] * 3, complete=False))

    planner = Planner(propose=[go_on])
    (event,) = planned(result_of(planner, TreeOfThought(depth=30, max_model_calls=40)))
    assert event.plan is not None
    assert 6_000 < sum(len(step.text) for step in event.plan.steps) <= MOST_PLAN
    assert largest(planner) < LARGEST


def test_a_plan_that_the_context_budget_has_no_room_for_is_none_and_the_run_goes_on() -> None:
    long = plan(*[("word " * 200, "look")] * 5)
    planner = Planner([call_tool("look", place="nowhere"), "A cat."], [proposals(LOOK), proposals(long)])
    result = result_of(planner, context_budget=ContextBudget(900, "drop"))
    assert result.content == "A cat."
    first, second = planned(result)
    assert (first.plan is not None, second.plan) == (True, None)
    assert second.error is not None
    assert second.error.code == "LA-BUDGET"
    last = planner.of("act")[-1]
    assert [message.content for message in told(last)] == [message.content for message in told(planner.of("act")[0])]
    assert offered(last) == ["look", "shake"]


def test_a_planner_has_a_name_that_can_be_put_on_record() -> None:
    odd = type("Odd", (ScriptedModel,), {"name": 7})
    for how in (TreeOfThought(), TreeOfThought(model=odd([]))):
        other = odd([]) if how.model is None else None
        with pytest.raises(ConfigurationError, match="tot_model: its name must be text, got 7"):
            LightAgent(model=ScriptedModel([]), tree_of_thought=how, tot_model=other)


SCORES: dict[str, tuple[str, int]] = {
    "no numbers": ('{"scores": [NaN, 0.9]}', 0),
    "infinite": ('{"scores": [-Infinity, 1e999]}', 0),
    "texts": ('{"scores": ["0.1", "0.9"]}', 0),
    "booleans": ('{"scores": [false, true]}', 0),
    "nulls": ('{"scores": [null, 0.9]}', 0),
    "an object": ('{"scores": {"1": 0.1, "2": 0.9}}', 0),
    "a bare list": ("[0.1, 0.9]", 0),
    "prose": ("The second one.", 0),
    "nothing": ("", 0),
    "none": ('{"scores": []}', 0),
    "one too few": ('{"scores": [0.1]}', 1),
    "far too many": (json.dumps({"scores": [0.1, 0.9, *[1.0] * 50_000]}), 1),
    "beyond the ends": ('{"scores": [-5, 7]}', 1),
    "a number of 400 digits": (json.dumps({"scores": [0.1, int("9" * 400)]}), 1),
    "whole numbers": ('{"scores": [0, 1]}', 1),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_that_are_none_leave_the_order_and_the_plan(name: str) -> None:
    answer, best = SCORES[name]
    ways = [plan(("First.", "look")), plan(("Second.", "shake"))]
    planner = Planner(propose=[proposals(*ways)], score=[answer])
    result = result_of(planner, TREE)
    (event,) = planned(result)
    assert event.plan is not None
    assert event.plan.steps[0].text == ["First.", "Second."][best]
    assert all(thought.score is None or 0 <= thought.score <= 1 for thought in event.thoughts)
    assert planner.kinds == ["propose", "score", "reflect", "act"]


class Broken(Exception):
    """What nobody expects."""


def broken(request: ChatRequest) -> Reply:
    raise Broken(str(request.messages)[:20])


def stopped(request: ChatRequest) -> Reply:
    raise asyncio.CancelledError


@pytest.mark.parametrize("dies", [broken, stopped])
@pytest.mark.parametrize("where", ["propose", "score", "reflect"])
def test_a_model_that_dies_costs_its_question_and_no_more(where: str, dies: Callable[[ChatRequest], Reply]) -> None:
    replies: dict[str, list[Reply | Callable[[ChatRequest], Reply]]] = {
        "propose": [proposals(LOOK, plan("Guess."))],
        "score": ['{"scores": [0.9, 0.1]}'],
        "reflect": [look_back(LOOK)],
    }
    replies[where] = [dies]
    planner = Planner(propose=replies["propose"], score=replies["score"], reflect=replies["reflect"])
    result = result_of(planner, TREE)
    assert result.content == "Done."
    (event,) = planned(result)
    assert event.error is not None
    assert (event.plan is None) == (where == "propose")


Way: TypeAlias = Literal["hangs", "does not end", "drips", "floods", "says nothing, and much of it"]


class Endless(ChatModel):
    """Never ends its answer."""

    name = "endless"

    def __init__(self, way: Way) -> None:
        self.asked = asyncio.Event()
        self._way = way

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked.set()
        match self._way:
            case "hangs":
                await asyncio.Event().wait()
            case "does not end":
                for _ in range(8):
                    await _slept()
            case "drips":
                while True:
                    await asyncio.sleep(0.01)
                    yield TextDelta("x")
            case "floods":
                while True:
                    yield TextDelta("x" * 10_000)
            case _:
                while True:
                    yield TextDelta("")
        yield TextDelta("")

    async def aclose(self) -> None:
        """Nothing is open."""


async def _slept() -> None:
    """Wait a little, and take no notice of being cancelled."""
    try:
        await asyncio.sleep(0.2)
    except asyncio.CancelledError:
        return


WAYS: list[Way] = ["hangs", "does not end", "drips", "floods", "says nothing, and much of it"]


def planned_by(model: ChatModel, timeout: float, store: MemoryJournalStore | None = None) -> LightAgent:
    return LightAgent(
        name="a",
        model=ScriptedModel(["Done.", "Done again."]),
        tools=[look, shake],
        tree_of_thought=TreeOfThought(timeout=timeout),
        tot_model=model,
        session_store=store,
    )


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_without_end_is_given_up(way: Way) -> None:
    seconds = 30.0 if way == "floods" else 0.3  # A flood is too long before its time is over.
    result: RunResult[str] = await planned_by(Endless(way), seconds).arun(QUERY, result_format="object")
    assert result.content == "Done."
    (event,) = planned(result)
    assert event.plan is None
    assert event.error is not None
    assert event.error.code == ("LA-500" if way == "floods" else "LA-408")


@pytest.mark.parametrize("way", [way for way in WAYS if way != "floods"])
async def test_the_time_of_the_run_holds_for_its_plans(way: Way) -> None:
    agent = planned_by(Endless(way), 60.0)
    result = await asyncio.wait_for(agent.arun(QUERY, result_format="object", timeout=0.3), 10)
    assert result.outcome.kind == "budget_exhausted"
    assert planned(result) == []
    assert Journal.from_json(result.journal.to_json()) == result.journal


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_is_cancelled_while_it_plans_leaves_its_session_open_to_the_next_turn(*, stream: bool) -> None:
    store, model = MemoryJournalStore(), Endless("hangs")
    agent = planned_by(model, 60.0, store)

    async def streamed() -> None:
        async with agent.astream(QUERY, result_format="event", session_id="s") as events:
            async for event in events:
                raise AssertionError(event)

    async def plain() -> None:
        await agent.arun(QUERY, session_id="s")

    task = asyncio.ensure_future(streamed() if stream else plain())
    await model.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    quick = planned_by(ScriptedModel([proposals(LOOK), look_back(LOOK)]), 1.0, store)
    assert await quick.arun("And now?", session_id="s") == "Done."


class Counted(ChatModel):
    """Says what its answers cost, and that each of them is short."""

    name = "counted"

    def __init__(self, tokens: int) -> None:
        self.calls = 0
        self._tokens = tokens

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.calls += 1
        text = str(request.messages[0])
        if "compare plans" in text:
            yield TextDelta(json.dumps({"scores": [0.5] * 9}))
        elif "look over" in text:
            yield TextDelta(look_back(LOOK))
        else:
            yield TextDelta(proposals(*[plan(f"{self.calls} {number}", complete=False) for number in range(3)]))
        yield ReplyEnd(usage=Usage(self._tokens, 0, self._tokens))

    async def aclose(self) -> None:
        """Nothing is open."""


LIMITS = [BudgetLimits(model_calls=4), BudgetLimits(tokens=7_000), BudgetLimits(model_calls=1)]


@pytest.mark.parametrize("limits", LIMITS)
async def test_a_budget_is_never_exceeded_by_what_is_thought(limits: BudgetLimits) -> None:
    model = Counted(1_000)
    how = TreeOfThought(3, 3, 50, "best_first", 500)
    agent = LightAgent(
        model=ScriptedModel(["Done."]), tools=[look], tree_of_thought=how, tot_model=model, budgets=limits
    )
    result = await agent.arun(QUERY, result_format="object")
    spent = spent_in(result.journal)
    assert spent.model_calls <= (limits.model_calls or 10**6)
    assert spent.tokens <= (limits.tokens or 10**9)
    assert (result.outcome.kind, len(planned(result))) == ("budget_exhausted", 1)
    (event,) = planned(result)
    assert event.plan is not None, "what was thought until then is the plan"
    assert event.model_calls == model.calls


async def test_what_the_instructions_of_a_question_cost_is_reserved_as_well() -> None:
    model = Counted(500)
    agent = LightAgent(
        model=ScriptedModel(["Done."]),
        tools=[look],
        tree_of_thought=True,
        tot_model=model,
        budgets=BudgetLimits(tokens=250),
    )
    result = await agent.arun(QUERY, result_format="object")
    assert model.calls == 0
    assert spent_in(result.journal).tokens <= 250


def cut_points(result: RunResult[str]) -> list[Journal]:
    events = result.journal.events
    return [Journal(events[:length]) for length in range(1, len(events))]


async def test_a_run_that_is_cut_in_a_long_search_searches_again_and_ends_the_same() -> None:
    def agent() -> LightAgent:
        return LightAgent(
            name="a",
            model=ScriptedModel(lambda request: "Done."),
            tools=[look, shake],
            tree_of_thought=TreeOfThought(2, 3, 3, "best_first", 9),
            tot_model=Counted(10),
            budgets=BudgetLimits(model_calls=100),
        )

    whole = await agent().arun(QUERY, result_format="object")
    for cut in cut_points(whole):
        ended = await agent().aresume(Journal.from_json(cut.to_json()))
        assert ended.content == "Done."
        assert len(planned(ended)) == 1
        assert spent_in(ended.journal).model_calls <= 2 * 10


@pytest.mark.parametrize("most", [0, 3])
async def test_a_stream_of_a_run_that_plans_again_is_the_plain_run(most: int) -> None:
    def agent() -> LightAgent:
        act: list[Reply] = [call_tool("look", place="nowhere"), call_tool("shake", times=1), "Done."]
        planner = Planner(act, [proposals(LOOK)])
        return LightAgent(
            name="a",
            model=ScriptedModel(planner),
            tools=[look, shake],
            tree_of_thought=TreeOfThought(most_replans=most),
        )

    plain = await agent().arun(QUERY, result_format="object")
    async with agent().astream(QUERY, result_format="event") as events:
        shown = [event async for event in events]
    streamed = events.result
    assert [event.type for event in plain.journal.events] == [event.type for event in streamed.journal.events]
    assert streamed.content == plain.content == "Done."
    assert not [event for event in shown if "box" in json.dumps(event.data) and event.type == "content"]
    plans = [event.plan for event in plain.journal.events if isinstance(event, Planned)]
    assert plans == [event.plan for event in streamed.journal.events if isinstance(event, Planned)]
