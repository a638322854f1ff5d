"""Steps that a step adds below itself: proposed, accepted, bounded, on record before they begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lightagent import (
    ConfigurationError,
    FlowLimits,
    JournalStore,
    JsonValue,
    LightAgent,
    LightFlow,
    Proposal,
    ProposedStep,
    StepContext,
)
from lightagent.testing import ScriptedModel
from tests.support.flow_stores import KINDS, opener


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


def plan(query: str) -> Proposal:
    steps = (ProposedStep("tea", "look", "tea?"), ProposedStep("sum", "look", "sum?", ["tea"]))
    return Proposal(steps, "two steps")


def declared(store: JournalStore | None = None, accept: object = True, **options: object) -> LightFlow:
    flow = LightFlow(store=store).offer("look", agent=lambda query: f"saw {query}", max_retry=2)
    step: Callable[..., LightFlow] = flow.step
    return step("plan", agent=plan, accept_steps=accept, **options).step(
        "end", agent=lambda query, context: dict(context.outputs), depends_on=["plan"]
    )


async def test_added_steps_run_below_the_one_that_proposed_them() -> None:
    result = await declared().arun("x")
    assert (result.status, result.output("end")) == ("success", {"plan": "two steps"})
    assert [(one.path, one.content) for one in result.step("plan").added] == [
        ("plan+/tea", "saw tea?"),
        ("plan+/sum", "saw sum?\n\nPrevious step outputs:\ntea: saw tea?"),
    ]
    assert [step.name for step in declared().steps] == ["plan", "end"]


@pytest.mark.parametrize("says", [True, False])
async def test_a_callable_says_whether_they_are_added(*, says: bool) -> None:
    seen: list[object] = []

    def accept(steps: Sequence[ProposedStep], context: StepContext) -> bool:
        seen.extend(one.name for one in steps)
        return says

    result = await declared(accept=accept).arun("x")
    assert (seen, result.status, len(result.step("plan").added)) == (["tea", "sum"], "success", 2 if says else 0)


@pytest.mark.parametrize("says", [True, False])
async def test_a_person_says_whether_they_are_added(opened: Callable[[], JournalStore], *, says: bool) -> None:
    waiting = await declared(opened(), "person").arun("x", run_id="r")
    assert waiting.status == "waiting_approval"
    assert waiting.step("plan").added == ()
    await declared(opened(), "person").aapprove("r", "plan", says)
    result = await declared(opened(), "person").aresume("r")
    assert (result.status, len(result.step("plan").added)) == ("success", 2 if says else 0)
    record = await declared(opened(), "person").aget_run("r")
    assert record is not None
    assert record["content"] == '{"plan": "two steps"}'


async def test_an_added_step_that_fails_is_tried_again_alone(opened: Callable[[], JournalStore]) -> None:
    broken, done = [True], list[str]()

    def look(query: str, context: StepContext) -> str:
        done.append(context.path)
        if broken[0] and context.path == "plan+/sum":
            raise ValueError("no")
        return query

    def again() -> LightFlow:
        flow = LightFlow(store=opened()).offer("look", agent=look)
        return flow.step("plan", agent=plan, accept_steps=True)

    result = await again().arun("x", run_id="r")
    assert (result.status, done) == ("failed", ["plan+/tea", "plan+/sum"])
    broken[0] = False
    result = await again().aresume("r")
    assert (result.status, result.content, done[2:]) == ("success", "two steps", ["plan+/sum"])
    assert (await again().arerun_step("r", "plan+/tea")).success
    assert done[3:] == ["plan+/tea", "plan+/sum"]


async def test_an_agent_proposes_steps_as_its_typed_answer() -> None:
    answer = '{"steps": [{"name": "tea", "work": "look", "query": "tea?"}], "content": "one"}'
    agent = LightAgent(name="planner", model=ScriptedModel([answer]), output_type=Proposal)
    flow = LightFlow().offer("look", agent=str.upper).step("plan", agent=agent, accept_steps=True)
    result = await flow.arun("x")
    assert (result.content, [one.content for one in result.step("plan").added]) == ("one", ["TEA?"])


@pytest.mark.parametrize(
    ("proposed", "problem"),
    [
        ({"steps": [{"name": "a"}]}, "steps.0.work: Field required"),
        ({"steps": "all"}, "steps"),
        (Proposal([ProposedStep("a", "fly", "x")]), "the flow offers no work 'fly', but look, grow"),
        (Proposal([ProposedStep(str(n), "look", "x") for n in range(4)]), "it proposes 4 steps, and may add 3"),
        (Proposal([ProposedStep("a", "look", "x"), ProposedStep("a", "look", "x")]), "`a` is declared 2 times"),
        (Proposal([ProposedStep("a", "look", "x", ["b"])]), "depends on unknown step `b`"),
        (Proposal([ProposedStep("a", "look", "x", ["b"]), ProposedStep("b", "look", "x", ["a"])]), "cycle detected"),
        (Proposal([ProposedStep("a", "grow", "x")]), "steps are added 2 deep at most"),
    ],
)
async def test_what_cannot_be_added_fails_the_step(proposed: object, problem: str) -> None:
    flow = LightFlow(limits=FlowLimits(max_depth=2)).offer("look", agent=str.upper)
    flow.offer("grow", agent=lambda query: Proposal([ProposedStep("a", "grow", "x")]), accept_steps=True)
    result = await flow.step("plan", agent=lambda query: proposed, accept_steps=True, max_added=3).arun("x")
    assert result.status == "failed"
    assert result.error is not None
    assert problem in result.error.message


async def test_the_limit_of_a_run_bounds_all_that_is_added() -> None:
    flow = LightFlow(limits=FlowLimits(max_added=3)).offer("look", agent=str.upper)
    flow.step("a", agent=plan, accept_steps=True).step("b", agent=plan, accept_steps=True, depends_on=["a"])
    result = await flow.arun("x")
    assert result.error is not None
    assert "b: it proposes 2 steps, and 1 may be added to this run yet" in result.error.message


@pytest.mark.parametrize("plain", ["text", {"a": 1}, ["steps"], None])
async def test_a_step_that_may_add_steps_need_not(plain: JsonValue) -> None:
    result = await LightFlow().step("a", agent=lambda query: plain, accept_steps=True).arun("x")
    assert (result.status, result.output("a")) == ("success", plain)


async def test_without_acceptance_a_proposal_is_no_result() -> None:
    result = await LightFlow().step("a", agent=plan).arun("x")
    assert result.error is not None
    assert "a Proposal is not a JSON value" in result.error.message


def test_what_is_offered_is_refused_where_it_cannot_be() -> None:
    flow = LightFlow().offer("look", agent=str.upper)
    with pytest.raises(ConfigurationError, match="The flow offers 'look' already"):
        flow.offer("look", agent=str.upper)
    with pytest.raises(ConfigurationError, match="query= is up to the step that adds it"):
        flow.offer("other", agent=str.upper, query="x")
    with pytest.raises(ConfigurationError, match="the flow inside this map offers 'look'"):
        LightFlow().map("m", ["a"], agent=flow)
    assert flow.step("look", agent=str.upper).run("x").content == "X"
