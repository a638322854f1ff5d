"""Steps that are done again and again until a condition holds, or a bound is reached; and conditions of steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent import FlowLimits, JournalStore, LightFlow, StepContext
from tests.support.flow_stores import KINDS, opener


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


@pytest.mark.parametrize("said", [True, 1, "yes", False, 0, "", None])
async def test_a_step_runs_when_its_condition_says_so(said: object) -> None:
    flow = LightFlow().step("a", agent=str.upper, when=lambda context: said)
    flow.map("m", ["a"], agent=str.upper, when=lambda context: said)
    flow.loop("l", agent=str.upper, rounds=1, when=lambda context: said)
    flow.sleep("s", 0, when=lambda context: said)
    result = await flow.arun("x")
    assert {step.status for step in result.steps} == {"success" if said else "skipped"}
    assert result.success


async def test_a_condition_that_fails_is_asked_again() -> None:
    answers: list[object] = []
    flow = LightFlow().step("a", agent=str.upper, when=lambda context: answers.pop())
    result = await flow.arun("x", run_id="r")
    assert result.error is not None
    assert "pop from empty list" in result.error.message
    answers.append(True)
    assert (await flow.aresume("r")).content == "X"
