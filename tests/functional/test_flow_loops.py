"""Steps that are done again and again until a condition holds, or a bound is reached; and conditions of steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import ConfigurationError, FlowLimits, JournalStore, LightFlow, Proposal, ProposedStep, StepContext
from tests.support.flow_stores import KINDS, opener
from tests.support.folding_engine import FoldingEngine


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


async def test_a_round_is_asked_what_the_loop_is_and_what_the_last_one_gave() -> None:
    asked: list[str] = []

    def improve(query: str, context: StepContext) -> str:
        asked.append(query)
        last = context.previous["improve"].content if context.previous else ""
        return f"{last}{context.round}"

    flow = LightFlow().loop("improve", agent=improve, until=lambda context: context.outputs["improve"] == "123")
    result = await flow.arun("x")
    assert (result.content, [len(turn) for turn in result.step("improve").rounds]) == ("123", [1, 1, 1])
    assert asked == ["x", "x\n\nThe last round gave:\nimprove: 1", "x\n\nThe last round gave:\nimprove: 12"]


async def test_a_loop_that_is_asked_whether_it_is_over_knows_its_round() -> None:
    seen: list[tuple[int, str]] = []

    def until(context: StepContext) -> bool:
        seen.append((context.round, "".join(one.content for one in context.previous.values())))
        return context.round == 2

    flow = LightFlow().loop("l", agent=lambda query, context: f"v{context.round}", until=until)
    assert ((await flow.arun("x")).content, seen) == ("v2", [(1, ""), (2, "v1")])


async def test_a_loop_that_does_not_end_in_time_fails_and_is_asked_again(opened: Callable[[], JournalStore]) -> None:
    enough: list[bool] = [False]
    done: list[int] = []

    def declared() -> LightFlow:
        return LightFlow(store=opened()).loop(
            "l", agent=lambda query, context: done.append(context.round), until=lambda context: enough[0], rounds=2
        )

    result = await declared().arun("x", run_id="r")
    assert result.error is not None
    assert (result.error.code, done) == ("LA-BUDGET", [1, 2])
    assert "has made all rounds that it may make (2)" in result.error.message
    enough[0] = True
    result = await declared().aresume("r")
    assert (result.status, done) == ("success", [1, 2])


async def test_a_round_that_fails_goes_on_where_it_was(opened: Callable[[], JournalStore]) -> None:
    broken: list[bool] = [True]
    done: list[str] = []

    def work(query: str, context: StepContext) -> str:
        done.append(context.path)
        if broken[0] and context.round == 2:
            raise ValueError("no")
        return str(context.round)

    def declared() -> LightFlow:
        inner = LightFlow().step("a", agent=work).step("b", agent=work, depends_on=["a"])
        return LightFlow(store=opened()).loop("l", agent=inner, rounds=3)

    assert (await declared().arun("x", run_id="r")).error is not None
    broken[0] = False
    result = await declared().aresume("r")
    assert (result.content, result.status) == ("3", "success")
    assert done == ["l#1/a", "l#1/b", "l#2/a", "l#2/a", "l#2/b", "l#3/a", "l#3/b"]
    done.clear()
    assert (await declared().arerun_step("r", "l#2/b")).success
    assert done == ["l#2/b", "l#3/a", "l#3/b"], "later rounds rest on it"


async def test_the_limit_of_a_run_bounds_a_loop_that_names_no_bound() -> None:
    flow = LightFlow(limits=FlowLimits(max_rounds=4)).loop("l", agent=str.upper, until=lambda context: False)
    result = await flow.arun("x")
    assert (result.status, len(result.steps[0].rounds)) == ("failed", 4)


def test_a_loop_names_no_more_rounds_than_the_limit_of_its_run() -> None:
    inner = LightFlow().loop("l", agent=str.upper, rounds=6)
    for flow in (
        LightFlow(limits=FlowLimits(max_rounds=5)).loop("l", agent=str.upper, rounds=6),
        LightFlow(limits=FlowLimits(max_rounds=5)).map("m", ["a"], agent=inner),
        LightFlow(limits=FlowLimits(max_rounds=5), engine=FoldingEngine()).loop("l", agent=str.upper, rounds=6),
    ):
        (error,) = flow.validate()["errors"]
        assert "l`: its 6 rounds are more than the 5 a loop may make (max_rounds)" in error
        with pytest.raises(ConfigurationError, match="its 6 rounds are more than the 5"):
            flow.run("x")
    assert LightFlow(limits=FlowLimits(max_rounds=6)).step("inner", agent=inner).run("x").success
    nested = LightFlow(limits=FlowLimits(max_rounds=5)).step("inner", agent=inner).run("x")
    assert nested.error is not None
    assert nested.error.code == "LA-CONFIG"
    assert "its 6 rounds are more than the 5" in nested.error.message, "a flow that is a step has the limits of the run"


@pytest.mark.parametrize("said", [True, False])
async def test_a_step_runs_when_its_condition_says_so(said: bool) -> None:
    flow = LightFlow().step("a", agent=str.upper, when=lambda context: said)
    flow.map("m", ["a"], agent=str.upper, when=lambda context: said)
    flow.loop("l", agent=str.upper, rounds=1, when=lambda context: said)
    flow.sleep("s", 0, when=lambda context: said)
    flow.step("b", agent=str.upper, cancel_if=lambda context: not said)
    result = await flow.arun("x")
    assert {step.status for step in result.steps} == {"success" if said else "skipped"}
    assert result.success


@pytest.mark.parametrize(
    ("said", "got"), [(1, "int"), ("yes", "str"), (0, "int"), ("", "str"), (None, "None"), ([], "list")]
)
async def test_a_condition_says_true_or_false_and_nothing_that_may_pass_for_it(said: object, got: str) -> None:
    """Whoever forgets to return, or returns what was found, is told so, and it is no yes and no no."""
    flow = LightFlow().offer("w", agent=str.upper)
    step: Callable[..., LightFlow] = flow.step
    loop: Callable[..., LightFlow] = flow.loop

    def says(*given: object) -> object:
        return said

    step("a", agent=str.upper, when=says)
    step("b", agent=str.upper, cancel_if=says)
    loop("c", agent=str.upper, until=says, rounds=2)
    step("d", agent=lambda query: Proposal([ProposedStep("p", "w", "x")]), accept_steps=says)
    result = await flow.arun("x")
    for failed, option in zip(result.steps, ("when", "cancel_if", "until", "accept_steps"), strict=True):
        assert failed.error is not None
        assert failed.error.code == "LA-OUTPUT"
        assert failed.error.message == f"The step {failed.name!r} asks {option}= for True or False, and got {got}."


async def test_a_condition_that_fails_is_asked_again() -> None:
    answers: list[bool] = []
    flow = LightFlow().step("a", agent=str.upper, when=lambda context: answers.pop())
    result = await flow.arun("x", run_id="r")
    assert result.error is not None
    assert "pop from empty list" in result.error.message
    answers.append(True)
    assert (await flow.aresume("r")).content == "X"
