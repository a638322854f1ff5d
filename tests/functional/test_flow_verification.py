"""Results that are verified before they count, and attempts that are repeated by the class of their error, or never."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    Backoff,
    JournalStore,
    LightAgent,
    LightFlow,
    RetryPolicy,
    RetryRule,
    StepContext,
    StepVerdict,
    tool,
)
from lightagent.application.flow.step_verdict import read_answer, read_verdict
from lightagent.domain.errors import StoreError
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.failing_journals import FailingStore
from tests.support.flow_stores import KINDS, opener


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalStore]:
    return opener(str(request.param), tmp_path)


class Drafts:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, query: str) -> str:
        self.asked.append(query)
        return f"draft {len(self.asked)}"


async def test_what_is_rejected_is_tried_again_with_the_reason() -> None:
    drafts = Drafts()

    def verify(result: object, context: StepContext) -> StepVerdict:
        assert context.input == "x"
        return StepVerdict.accept() if result == "draft 3" else StepVerdict.reject(f"{result} is too short")

    result = await LightFlow().step("a", agent=drafts.write, verify=verify, max_retry=3).arun("x")
    assert (result.content, result.steps[0].verdict, result.steps[0].attempts) == ("draft 3", "accept", 3)
    assert drafts.asked == [
        "x",
        "x\n\nThe last result was not accepted: draft 1 is too short",
        "x\n\nThe last result was not accepted: draft 2 is too short",
    ]


async def test_what_is_rejected_for_good_fails_and_has_another_budget_when_resumed(
    opened: Callable[[], JournalStore],
) -> None:
    drafts, good = Drafts(), [""]

    def declared() -> LightFlow:
        return LightFlow(store=opened()).step(
            "a", agent=drafts.write, verify=lambda result: result == good[0], max_retry=2
        )

    result = await declared().arun("x", run_id="r")
    assert result.error is not None
    assert (result.error.code, result.steps[0].verdict, len(drafts.asked)) == ("LA-OUTPUT", "reject", 2)
    good[0] = "draft 3"
    result = await declared().aresume("r")
    assert (result.content, result.steps[0].attempts) == ("draft 3", 3)


async def test_a_fallback_does_what_the_verification_did_not_accept() -> None:
    flow = LightFlow().step(
        "a", agent=lambda query: "bad", fallback_agent=lambda query: "good", verify=lambda result: result == "good"
    )
    result = await flow.arun("x")
    assert (result.content, result.steps[0].used_fallback) == ("good", True)


@pytest.mark.parametrize(("doubt", "status"), [(None, "success"), ("accept", "success"), ("fail", "failed")])
async def test_where_it_cannot_be_told_the_step_says_what_follows(doubt: str | None, status: str) -> None:
    step: Callable[..., LightFlow] = LightFlow().step
    result = await step("a", agent=str.upper, verify=lambda result: None, on_doubt=doubt).arun("x")
    assert (result.status, result.steps[0].verdict) == (status, "unknown")


@pytest.mark.parametrize("says", [True, False])
async def test_a_person_says_what_a_doubtful_result_is_worth(opened: Callable[[], JournalStore], *, says: bool) -> None:
    drafts = Drafts()

    def declared() -> LightFlow:
        flow = LightFlow(store=opened())
        return flow.step("a", agent=drafts.write, verify=lambda result: StepVerdict.unknown("?"), on_doubt="person")

    waiting = await declared().arun("x", run_id="r")
    assert (waiting.status, waiting.steps[0].status) == ("waiting_approval", "waiting_approval")
    await declared().aapprove("r", "a", says)
    result = await declared().aresume("r")
    assert (result.status, len(drafts.asked)) == ("success" if says else "failed", 1)
    if says:
        assert result.content == "draft 1"


async def test_an_agent_verifies_what_it_is_shown() -> None:
    shown: list[str] = []

    def reply(request: ChatRequest) -> str:
        shown.append(str(request.messages[-1].content))
        return '{"verdict": "reject", "reason": "no"}' if len(shown) == 1 else "ACCEPT: fine"

    drafts, judge = Drafts(), LightAgent(name="judge", model=ScriptedModel(reply))
    result = await LightFlow().step("a", agent=drafts.write, verify=judge, max_retry=2).arun("the task")
    assert (result.content, result.steps[0].verdict) == ("draft 2", "accept")
    assert "the task" in shown[0]
    assert "draft 1" in shown[0]


async def test_an_agent_that_waits_for_people_cannot_tell() -> None:
    @tool(requires_approval=True)
    def look(word: str) -> str:
        """Look a word up."""
        return word

    judge = LightAgent(name="judge", model=ScriptedModel([call_tool("look", word="x")]), tools=[look])
    result = await LightFlow().step("a", agent=str.upper, verify=judge, on_doubt="fail").arun("x")
    assert result.error is not None
    assert "judge waits for people" in result.error.message


async def test_a_verification_that_raises_fails_the_step_and_is_asked_again_about_the_same_result() -> None:
    drafts, verdicts = Drafts(), list[object]()
    flow = LightFlow().step("a", agent=drafts.write, verify=lambda result: verdicts.pop(), max_retry=3)
    result = await flow.arun("x", run_id="r")
    assert result.error is not None
    assert "pop from empty list" in result.error.message
    verdicts.append(True)
    assert ((await flow.aresume("r")).content, len(drafts.asked)) == ("draft 1", 1)


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        (True, "accept", ""),
        (False, "reject", "It was not accepted."),
        ("too short", "reject", "too short"),
        ({"verdict": "Accept"}, "accept", ""),
        ({"verdict": "reject", "reason": "x"}, "reject", "x"),
        ({"verdict": 3}, "unknown", "The verification gave an object without a verdict."),
        (1, "unknown", "The verification gave a int, which is not a verdict."),
    ],
)
def test_a_callable_says_its_verdict_in_many_ways(said: object, verdict: str, reason: str) -> None:
    assert (read_verdict(said).verdict, read_verdict(said).reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("said", "verdict", "reason"),
    [
        ('```json\n{"verdict": "reject", "reason": "a {b}"}\n```', "reject", "a {b}"),
        ("**Reject** - too short", "reject", "too short"),
        ("unknown", "unknown", ""),
        ("acceptable", "unknown", "The verification gave no verdict: acceptable"),
        ("I accept", "unknown", "The verification gave no verdict: I accept"),
        ({"verdict": "accept"}, "accept", ""),
        ("{" * 5000 + "}", "unknown", f"The verification gave no verdict: {'{' * 200}"),
    ],
)
def test_an_agent_says_its_verdict_in_text(said: object, verdict: str, reason: str) -> None:
    assert (read_answer(said).verdict, read_answer(said).reason) == (verdict, reason)


async def test_attempts_are_repeated_by_the_class_of_the_error() -> None:
    raised: list[Exception] = []
    policy = RetryPolicy(
        attempts=4, rules=(RetryRule(("ValueError",), 1), RetryRule(("OSError",), 3, Backoff(first=0.001)))
    )

    def work(query: str) -> str:
        raise raised[0]

    flow = LightFlow().step("a", agent=work, retry=policy)
    attempts = []
    for error in (ValueError("x"), ConnectionError("x"), KeyError("x")):
        raised[:] = [error]
        attempts.append((await flow.arun("x")).steps[0].attempts)
    assert attempts == [1, 3, 4]


@pytest.mark.parametrize("repeatable", [True, False])
async def test_an_interrupted_attempt_that_must_not_be_repeated_fails_as_unknown(*, repeatable: bool) -> None:
    store, done = FailingStore(3), list[str]()

    def declared() -> LightFlow:
        return LightFlow(store=store).step("pay", agent=lambda query: done.append(query), repeatable=repeatable)

    with suppress(StoreError):
        await declared().arun("x", run_id="r")
    assert done == ["x"]
    result = await declared().aresume("r")
    if repeatable:
        assert (result.status, done) == ("success", ["x", "x"])
        return
    assert result.error is not None
    assert (result.status, done, result.error.details) == ("failed", ["x"], {"step": "pay", "unknown": True})
    assert "whether its effect happened is unknown" in result.error.message
    assert (await declared().arerun_step("r", "pay")).success


async def test_a_person_may_respond_instead_of_the_doubtful_result() -> None:
    flow = LightFlow().step("a", agent=str.upper, verify=lambda result: None, on_doubt="person")
    await flow.arun("x", run_id="r")
    await flow.aapprove("r", "a", ApprovalDecision.respond("mine"))
    assert (await flow.aresume("r")).content == "mine"
