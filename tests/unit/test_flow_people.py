"""Approvals, verification and growth: what people and code say of a step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent.domain.flow.definition import Growth, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    CancelRequested,
    FlowFinished,
    Forked,
    RerunRequested,
    Resumed,
    StepApprovalRequested,
)
from lightagent.domain.flow.growth import growth_fault
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.moves import Ask, AskHuman, Do, Finish
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import fold
from lightagent.domain.review.decisions import ApprovalDecision
from tests.support.random_flows.play import FAILURE, Play

A = StepDefinition("a", approval=True)
B = StepDefinition("b", depends_on=("a",))
APPROVE, REJECT = ApprovalDecision.approve(actor="ada"), ApprovalDecision.reject("too dear", actor="ada")
GROWING = StepDefinition("a", growth=Growth(most=3))
ADDED = (StepDefinition("x", work="w"), StepDefinition("y", depends_on=("x",), work="w"))


def waiting(*steps: StepDefinition) -> Play:
    play = Play(*steps)
    play.request("a", "r1")
    play.tell(FlowFinished("waiting"))
    return play


def test_a_run_waits_for_a_person_and_goes_on_with_the_decision() -> None:
    play = Play(A, B)
    assert play.state.open_moves() == [AskHuman("a", 1, "run", A)]
    play.request("a", "r1")
    assert play.state.open_moves() == [Finish("waiting")]
    play.tell(FlowFinished("waiting"))
    record = flow_record(play.state)
    assert (record.status, record.steps[0].status, record.steps[0].approval_request_id) == (
        "waiting",
        "waiting_approval",
        "r1",
    )
    (do,) = play.decide("a", APPROVE, "r1")
    assert isinstance(do, Do)
    assert play.state.status == "running"
    assert play.step("a").approval == APPROVE


def test_an_edited_query_stays_over_attempts_and_a_resumption() -> None:
    play = waiting(A)
    (do,) = play.decide("a", ApprovalDecision.edit({"query": "Less, please."}))
    assert isinstance(do, Do)
    assert do.query == "Less, please."
    play.fail("a", "retry")
    play.fail("a")
    play.tell(FlowFinished("failed"))
    (do,) = play.tell(Resumed())
    assert isinstance(do, Do)
    assert (do.query, do.attempt) == ("Less, please.", 3)
    # A rerun asks the person anew.
    assert play.tell(RerunRequested("a")) == [AskHuman("a", 2, "run", A)]


def test_a_person_may_give_the_output_of_a_step() -> None:
    play = waiting(A, B)
    play.decide("a", ApprovalDecision.respond("by hand"))
    assert (play.step("a").content, play.step("a").attempts) == ("by hand", 0)
    assert play.step("b").status == "pending"


def test_what_a_person_declines_is_asked_again_by_a_rerun_alone() -> None:
    play = waiting(A, B)
    assert play.decide("a", REJECT) == [Finish("failed")]
    record = flow_record(play.state)
    assert (record.steps[0].why, record.steps[1].why) == ("declined", "upstream")
    assert record.error is not None
    assert "too dear" in record.error.message
    play.tell(FlowFinished("failed"))
    assert play.tell(Resumed()) == [Finish("failed")]
    assert play.tell(RerunRequested("a")) == [AskHuman("a", 2, "run", A)]
    assert play.step("a").approval is None


def test_the_first_valid_decision_counts_and_the_others_are_refused() -> None:
    play = waiting(A)
    node = play.node("a")
    play.tell(StepApprovalRequested("a", node.epoch, "r2", expires=9.0, approvers=("eve",)))
    assert play.state.status == "waiting"
    with pytest.raises(Refused, match="out of date"):
        play.decide("a", APPROVE, "r1")
    with pytest.raises(Refused, match="edit changes the query"):
        play.decide("a", ApprovalDecision.edit({"question": "?"}), "r2")
    with pytest.raises(Refused, match="about is the run"):
        play.tell(StepApprovalRequested("a", node.epoch, "r3", about="growth"))
    play.decide("a", APPROVE, "r2")
    with pytest.raises(Refused, match="since the step is ready"):
        play.decide("a", REJECT, "r2")


def test_nobody_who_decides_in_time_is_a_no() -> None:
    play = waiting(A)
    play.decide("a", ApprovalDecision.reject(), expired=True)
    assert (play.step("a").status, play.step("a").why) == ("failed", "expired")


def test_a_cancelled_run_takes_decisions_without_moving() -> None:
    play = waiting(A)
    assert play.tell(CancelRequested()) == [Finish("cancelled")]
    play.tell(FlowFinished("cancelled"))
    assert play.decide("a", APPROVE) == []
    assert play.state.status == "cancelled"
    (do,) = play.tell(Resumed())
    assert isinstance(do, Do)


def test_a_fork_asks_its_own_people() -> None:
    play = waiting(A)
    assert play.tell(Forked("other", "run", 3)) == [AskHuman("a", 1, "run", A)]
    play.request("a", "r2")
    with pytest.raises(Refused, match="out of date"):
        play.decide("a", APPROVE, "r1")
    play.decide("a", APPROVE, "r2")


def test_a_rejected_result_is_tried_again_and_the_next_attempt_is_told_why() -> None:
    play = Play(StepDefinition("a", verify=True), B)
    play.do("a", value="bad")
    with pytest.raises(Refused, match="tried again, or fails"):
        play.answer("a", "verify", "reject")
    (do,) = play.answer("a", "verify", "reject", "retry", "no sources")
    assert isinstance(do, Do)
    assert (do.attempt, do.feedback) == (2, "no sources")
    assert play.step("a").content == ""
    play.do("a", value="good")
    (do,) = play.answer("a", "verify", "accept")
    assert isinstance(do, Do)
    assert do.feedback == ""
    assert (play.step("a").content, play.step("a").verdict, play.step("a").attempts) == ("good", "accept", 2)


def test_what_rejects_for_good_fails_the_step() -> None:
    play = Play(StepDefinition("a", verify=True))
    play.do("a")
    play.answer("a", "verify", "reject", "fail", "no sources")
    record = play.step("a")
    assert (record.status, record.why, record.verdict) == ("failed", "rejected", "reject")
    assert record.error is not None
    assert "no sources" in record.error.message


@pytest.mark.parametrize(
    ("decision", "status", "content"),
    [(APPROVE, "success", "a result"), (REJECT, "failed", ""), (ApprovalDecision.respond("mine"), "success", "mine")],
    ids=["approve", "reject", "respond"],
)
def test_a_person_decides_about_a_result_that_code_cannot_tell_about(
    decision: ApprovalDecision, status: str, content: str
) -> None:
    play = Play(StepDefinition("a", verify=True, doubt="person"))
    play.do("a", value="a result")
    (human,) = play.answer("a", "verify", "unknown", "person")
    assert isinstance(human, AskHuman)
    assert human.about == "result"
    play.decide("a", decision)
    assert (play.step("a").status, play.step("a").content) == (status, content)


def test_a_resumption_asks_again_about_the_same_result() -> None:
    play = Play(StepDefinition("a", verify=True, fallback=True))
    play.fail("a", "fallback")
    play.do("a", value="by the fallback")
    play.tell(Answered("a", 1, "verify", error=FAILURE))
    assert (play.step("a").status, play.step("a").why) == ("failed", "asked")
    play.tell(FlowFinished("failed"))
    (ask,) = play.tell(Resumed())
    assert isinstance(ask, Ask)
    assert ask.question == "verify"
    play.answer("a", "verify", "accept")
    assert (play.step("a").content, play.step("a").used_fallback, play.step("a").attempts) == (
        "by the fallback",
        True,
        2,
    )


def test_a_result_that_nobody_can_tell_about_counts_and_the_record_says_so() -> None:
    play = Play(StepDefinition("a", verify=True))
    play.do("a")
    play.answer("a", "verify", "unknown")
    assert (play.step("a").status, play.step("a").verdict) == ("success", "unknown")


def test_steps_are_added_once_they_are_accepted() -> None:
    play = Play(GROWING, B)
    (ask,) = play.do("a", value="a plan", proposes=ADDED)
    assert isinstance(ask, Ask)
    assert ask.question == "grow"
    # They are on record before they start.
    assert fold(play.log).open_moves() == [ask]
    play.answer("a", "grow", True)
    assert play.step("a").status == "running"
    play.do("a+/x", "a+/y", "b")
    assert play.step("a").content == "a plan"
    assert play.state.added == 2


def test_a_step_whose_proposal_is_not_accepted_succeeds_with_its_result() -> None:
    play = Play(GROWING)
    play.do("a", proposes=ADDED)
    assert play.answer("a", "grow", False) == [Finish("success")]


def test_a_person_accepts_what_a_step_proposes() -> None:
    play = Play(replace(GROWING, growth=Growth("person")))
    play.do("a", proposes=ADDED)
    play.answer("a", "grow", True)
    (do,) = play.decide("a", APPROVE)
    assert isinstance(do, Do)
    assert do.path == "a+/x"


@pytest.mark.parametrize(
    ("proposes", "kind", "text"),
    [
        (tuple(StepDefinition(f"s{n}") for n in range(4)), "limit", "proposes 4 steps, and may add 3"),
        ((StepDefinition("m", kind="map", body=ADDED), *ADDED), "limit", "proposes 5 steps, and may add 3"),
        ((StepDefinition("x", depends_on=("y",)),), "definition", "unknown step `y`"),
        ((ADDED[0], ADDED[0]), "definition", "declared 2 times"),
        ((ADDED[0], StepDefinition("z")), "definition", "'z' that it proposes does not name what does its work"),
    ],
    ids=["many", "many inside", "unknown", "twice", "no work"],
)
def test_what_must_not_be_added_is_not(proposes: tuple[StepDefinition, ...], kind: str, text: str) -> None:
    play = Play(GROWING)
    play.do("a", proposes=proposes)
    fault = growth_fault(play.state, play.node("a"))
    assert fault is not None
    assert fault.kind == kind
    assert text in fault.message
    if "may add 3" not in text:  # the step's own limit is a policy, and may have been higher
        with pytest.raises(Refused, match=text):
            play.answer("a", "grow", True)
    assert play.answer("a", "grow", False) == [Finish("success")]


def test_growth_is_bounded_in_depth_and_in_number() -> None:
    growing = StepDefinition("x", work="w", growth=Growth())
    play = Play(GROWING, StepDefinition("c", growth=Growth()), limits=FlowLimits(max_depth=2, max_added=3))
    play.do("a", proposes=(growing,))
    play.answer("a", "grow", True)
    play.do("a+/x", proposes=(growing,))
    play.answer("a+/x", "grow", True)
    play.do("a+/x+/x", proposes=ADDED[:1])
    with pytest.raises(Refused, match="2 deep at most"):
        play.answer("a+/x+/x", "grow", True)
    play.answer("a+/x+/x", "grow", False)
    play.do("c", proposes=ADDED)
    with pytest.raises(Refused, match="1 may be added to this run yet"):
        play.answer("c", "grow", True)


def test_a_step_without_growth_adds_nothing() -> None:
    play = Play(StepDefinition("a"))
    with pytest.raises(Refused, match="has no growth"):
        play.do("a", proposes=ADDED)
