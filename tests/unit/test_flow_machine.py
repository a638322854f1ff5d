"""Attempts, waits, loops, maps and what a step sees: single cases that chance would hardly make, or hardly notice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent.domain.flow.changes import change_faults
from lightagent.domain.flow.context import context_of
from lightagent.domain.flow.definition import FlowDefinition, Growth, StepDefinition, WaitFor
from lightagent.domain.flow.events import (
    AttemptFinished,
    AttemptStarted,
    AttemptStopped,
    CancelRequested,
    DefinitionChanged,
    FlowFinished,
    Forked,
    RerunRequested,
    Resumed,
    Signalled,
)
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.moves import Do, Finish, Move, Stop, Wake
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import fold
from lightagent.domain.runs.events import Noted
from tests.support.random_flows.play import Play

A = StepDefinition("a")
B = StepDefinition("b", depends_on=("a",))
MAP = StepDefinition("m", kind="map", body=(StepDefinition("x"), StepDefinition("y", depends_on=("x",))))
LOOP = StepDefinition("l", kind="loop", body=(StepDefinition("x"),), rounds=3)
TIMED = StepDefinition("w", kind="wait", wait=WaitFor(seconds=60.0))
EVENT = StepDefinition("w", kind="wait", wait=WaitFor(event="paid"))


def test_what_happened_below_an_attempt_is_given_back_to_that_attempt_alone() -> None:
    play = Play(A)
    play.start("a")
    play.note("a", "one")
    play.note("a", "two")
    (do,) = fold(play.log).open_moves()
    assert isinstance(do, Do)
    assert (do.again, do.attempt, do.notes) == (True, 1, (Noted("one", {}), Noted("two", {})))
    (do,) = play.fail("a", "retry", due=5.0)
    assert isinstance(do, Do)
    assert (do.again, do.attempt, do.notes, do.due) == (False, 2, (), 5.0)


def test_a_stopped_attempt_keeps_its_number_its_notes_and_its_query() -> None:
    play = Play(A)
    play.tell(AttemptStarted("a", 1, 1, "run/a@1", query="What is it?"))
    play.note("a", "one")
    assert play.tell(CancelRequested()) == [Stop("a", 1, 1)]
    assert play.tell(AttemptStopped("a", 1, 1)) == [Finish("cancelled")]
    play.tell(FlowFinished("cancelled"))
    assert play.step("a").interrupted
    (do,) = play.tell(Resumed())
    assert do == Do("a", 1, 1, A, again=True, query="What is it?", notes=(Noted("one", {}),))
    play.do("a")
    assert play.step("a").attempts == 1


def test_a_result_that_comes_while_the_run_is_cancelled_counts() -> None:
    play = Play(StepDefinition("a", verify=True), B)
    play.start("a")
    play.tell(CancelRequested())
    assert play.do("a") == [Finish("cancelled")]
    play.tell(FlowFinished("cancelled"))
    with pytest.raises(Refused, match="cancelled"):
        play.tell(RerunRequested("a"))
    (ask,) = play.tell(Resumed())
    assert play.state.is_open(ask)
    play.answer("a", "verify", "accept")
    play.do("b")
    assert play.tell(FlowFinished("success")) == []


def test_a_run_that_is_being_cancelled_is_not_resumed_before_it_has_stopped() -> None:
    play = Play(A)
    play.start("a")
    play.tell(CancelRequested())
    with pytest.raises(Refused, match="still being cancelled"):
        play.tell(Resumed())
    with pytest.raises(Refused, match="cancelled before"):
        play.tell(CancelRequested())
    with pytest.raises(Refused, match="nothing begins"):
        Play.start(cancelled_while_ready(), "a")


def cancelled_while_ready() -> Play:
    play = Play(A)
    assert play.tell(CancelRequested()) == [Finish("cancelled")]
    return play


def test_an_event_from_outside_that_comes_early_is_kept() -> None:
    play = Play(A, replace(EVENT, depends_on=("a",)))
    play.tell(Signalled("paid", {"sum": 3}))
    play.tell(Signalled("paid", {"sum": 4}))
    play.tell(Signalled("unpaid"))
    play.do("a")
    assert play.begin_wait("w") == [Finish("success")]
    assert play.step("w").output == {"sum": 3}
    # Run again, it takes the next one.
    play.tell(RerunRequested("w"))
    play.begin_wait("w")
    assert play.step("w").output == {"sum": 4}


def test_an_event_that_is_delivered_twice_counts_once() -> None:
    play = Play(EVENT, StepDefinition("v", kind="wait", wait=WaitFor(event="paid")))
    play.begin_wait("w")
    play.begin_wait("v")
    play.tell(Signalled("paid", 1, key="k1"))
    with pytest.raises(Refused, match="delivered before"):
        play.tell(Signalled("paid", 1, key="k1"))
    assert (play.step("w").status, play.step("v").status) == ("success", "running")
    play.tell(Signalled("paid", 2, key="k2"))
    assert play.step("v").output == 2


def test_an_event_that_does_not_come_in_time_fails_its_wait_and_a_resumption_waits_again() -> None:
    play = Play(EVENT, StepDefinition("b", depends_on=("w",)))
    assert play.begin_wait("w", due=9.0) == [Wake("w", 1, 9.0), Finish("waiting")]
    play.tell(FlowFinished("waiting"))
    assert fold(play.log).open_moves() == [Wake("w", 1, 9.0)]
    assert play.end_wait("w") == [Finish("failed")]
    record = flow_record(play.state)
    assert record.error is not None
    assert record.error.code == "LA-FLOW-TIMEOUT"
    play.tell(FlowFinished("failed"))
    play.tell(Resumed())
    play.begin_wait("w")
    play.tell(Signalled("paid"))
    play.do("b")
    assert play.tell(FlowFinished("success")) == []


def test_a_run_may_end_as_waiting_while_it_waits_for_time_alone() -> None:
    play = Play(TIMED, A)
    play.begin_wait("w", due=60.0)
    with pytest.raises(Refused, match="not over"):
        play.tell(FlowFinished("waiting"))
    play.fail("a", "retry", due=90.0)
    play.tell(FlowFinished("waiting"))
    kinds = [type(move) for move in fold(play.log).open_moves()]
    assert kinds == [Wake, Do]
    play.end_wait("w")
    assert play.state.status == "running"
    play.do("a")
    assert play.tell(FlowFinished("success")) == []


def test_a_wait_for_a_time_says_when_it_ends() -> None:
    play = Play(TIMED)
    with pytest.raises(Refused, match="says when it ends"):
        play.begin_wait("w")


def test_one_item_is_run_again_and_the_others_keep_their_results() -> None:
    play = Play(MAP, StepDefinition("b", depends_on=("m",)))
    play.answer("m", "items", ["i", "j", "k"])
    play.do("m[0]/x", "m[1]/x", "m[2]/x", "m[0]/y", "m[1]/y", "m[2]/y", "b")
    moves = play.tell(RerunRequested("m[1]/x"))
    assert [(move.path, move.epoch) for move in moves if isinstance(move, Do)] == [("m[1]/x", 2)]
    assert [play.step(path).status for path in ("m", "m[0]/y", "m[1]/y", "b")] == [
        "running",
        "success",
        "pending",
        "pending",
    ]
    play.do("m[1]/x")
    play.do("m[1]/y", value="again")
    assert play.step("m").output == ["done", "again", "done"]
    assert {node.path: node.epoch for node in play.state.nodes.values() if node.epoch > 1}.keys() == {
        "m",
        "m[1]/x",
        "m[1]/y",
        "b",
    }


def test_only_failed_items_run_again_when_a_run_is_resumed() -> None:
    play = Play(MAP)
    play.answer("m", "items", ["i", "j"])
    play.do("m[0]/x", "m[0]/y")
    play.fail("m[1]/x")
    assert play.step("m").status == "failed"
    assert play.step("m").items[0][1].content == "done"
    play.tell(FlowFinished("failed"))
    (do,) = play.tell(Resumed())
    assert isinstance(do, Do)
    # The same effect key, since the epoch is the same; another attempt.
    assert (do.path, do.epoch, do.attempt) == ("m[1]/x", 1, 2)


def test_the_later_rounds_of_a_loop_are_dropped_by_a_rerun() -> None:
    play = Play(LOOP)
    play.do("l#1/x")
    play.answer("l", "again", True)
    play.do("l#2/x")
    play.answer("l", "again", True)
    play.start("l#3/x")
    moves = play.tell(RerunRequested("l#1/x"))
    assert Stop("l#3/x", 1, 1, answered=False) in moves
    assert list(play.state.nodes) == ["l", "l#1/x"]
    with pytest.raises(Refused, match="no step at"):
        play.tell(AttemptFinished("l#3/x", 1, 1))
    play.do("l#1/x")
    play.answer("l", "again", True)
    # The second round is another one, with another effect key.
    assert play.node("l#2/x").epoch == 2


def test_the_failure_of_a_later_round_goes_with_it() -> None:
    play = Play(LOOP)
    play.do("l#1/x")
    play.answer("l", "again", True)
    play.fail("l#2/x")
    assert play.step("l").why == "inside"
    play.tell(RerunRequested("l#1/x"))
    play.do("l#1/x")
    play.answer("l", "again", False)
    assert play.step("l").status == "success"


def test_a_loop_fails_at_its_bound_and_goes_on_once_that_is_raised() -> None:
    play = Play(replace(LOOP, rounds=1))
    play.do("l#1/x")
    with pytest.raises(Refused, match="all rounds that it may make"):
        play.answer("l", "again", True)
    play.answer("l", "again", True, "fail")
    assert (play.step("l").status, play.step("l").why, len(play.step("l").rounds)) == ("failed", "bound", 1)
    play.tell(FlowFinished("failed"))
    raised = FlowDefinition("flow", (replace(LOOP, rounds=2),))
    assert change_faults(play.log, raised) == ()
    play.state = fold([*play.log, DefinitionChanged(raised)])
    play.tell(Resumed())
    play.answer("l", "again", True)
    play.do("l#2/x", value="at last")
    play.answer("l", "again", False)
    assert play.step("l").content == "at last"


def test_a_rerun_of_what_has_not_begun_is_refused() -> None:
    play = Play(A, B)
    with pytest.raises(Refused, match="has not begun"):
        play.tell(RerunRequested("b"))
    with pytest.raises(Refused, match="no step at"):
        play.tell(RerunRequested("c"))
    play.fail("a")
    with pytest.raises(Refused, match="before it failed"):
        play.tell(RerunRequested("b"))


def test_a_rerun_takes_back_what_runs() -> None:
    play = Play(A, B)
    play.do("a")
    play.start("b")
    moves = play.tell(RerunRequested("a"))
    assert Stop("b", 1, 1, answered=False) in moves
    with pytest.raises(Refused) as refused:
        play.tell(AttemptFinished("b", 1, 1))
    assert (refused.value.kind, refused.value.path) == ("stale", "b")


def test_a_fork_has_another_id_another_input_and_begins_anew_what_was_under_way() -> None:
    play = Play(A, B)
    play.do("a")
    play.start("b")
    play.note("b", "one")
    with pytest.raises(Refused, match="another run_id"):
        play.tell(Forked("run", "run", 5))
    (do,) = play.tell(Forked("other", "run", 5, input="another input"))
    assert isinstance(do, Do)
    assert (do.path, do.again, do.notes) == ("b", False, ())
    play.do("b")
    play.tell(FlowFinished("success"))
    record = flow_record(fold(play.log))
    assert (record.run_id, record.source, record.input) == ("other", "run", "another input")


def test_a_step_sees_its_ancestors_its_item_and_the_round_before() -> None:
    inner = StepDefinition("m", kind="map", body=(StepDefinition("x"), StepDefinition("y", depends_on=("x",))))
    play = Play(A, StepDefinition("c"), replace(LOOP, depends_on=("a",), body=(inner,)))
    play.do("a", value={"a": 1})
    play.do("c")
    play.answer("l#1/m", "items", ["i", "j"])
    play.do("l#1/m[0]/x", "l#1/m[1]/x", value="x")
    play.do("l#1/m[0]/y", "l#1/m[1]/y", value="y")
    assert dict(context_of(play.state, "l").steps) == {
        "m": play.step("l#1/m"),
        "a": play.step("a"),
    }
    play.answer("l", "again", True)
    play.answer("l#2/m", "items", ["k"])
    play.do("l#2/m[0]/x", value="x2")
    seen = context_of(play.state, "l#2/m[0]/y")
    assert dict(seen.outputs) == {"x": "x2", "a": '{"a": 1}'}
    assert (seen.item, seen.index, seen.round, seen.input) == ("k", 0, 2, "input")
    assert {name: step.content for name, step in seen.previous.items()} == {"m": '["y", "y"]'}
    assert [step.name for step in seen.depends_on] == ["x"]
    assert "c" not in seen.steps
    with pytest.raises(KeyError):
        seen.outputs["c"]
    with pytest.raises(Refused):
        context_of(play.state, "nowhere")


def test_added_steps_see_the_step_that_added_them() -> None:
    play = Play(A, replace(B, growth=Growth()))
    play.do("a")
    play.do(
        "b", value="plan", proposes=(StepDefinition("x", work="w"), StepDefinition("y", depends_on=("x",), work="w"))
    )
    play.answer("b", "grow", True)
    assert dict(context_of(play.state, "b+/x").outputs) == {"a": "done", "b": "plan"}
    play.do("b+/x", "b+/y", value="added")
    assert play.step("b").content == "plan"
    assert [step.content for step in play.step("b").added] == ["added", "added"]


def test_a_map_and_a_loop_have_limits() -> None:
    play = Play(MAP, StepDefinition("l", kind="loop", body=(A,)), limits=FlowLimits(max_items=2, max_rounds=1))
    with pytest.raises(Refused) as refused:
        play.answer("m", "items", [1, 2, 3])
    assert refused.value.kind == "limit"
    play.answer("m", "items", [])
    assert play.step("m").output == []
    play.do("l#1/a")
    play.answer("l", "again", True, "fail")
    assert play.step("l").why == "bound"


def test_the_order_of_moves_never_changes() -> None:
    """An engine that replays a history carries them out in this order; with another one, stored runs do not replay."""
    two = (StepDefinition("x"), StepDefinition("y"), StepDefinition("z", depends_on=("x", "y")))
    play = Play(A, StepDefinition("m", kind="map", depends_on=("a",), body=two), B, StepDefinition("c"))
    assert told(play.state.open_moves()) == ["Do a", "Do c"]
    assert told(play.do("a")) == ["Ask m", "Do b"]
    assert told(play.answer("m", "items", [1, 2])) == ["Do m[0]/x", "Do m[0]/y", "Do m[1]/x", "Do m[1]/y"]
    play.do("m[1]/y", "m[1]/x", "m[0]/x")
    assert told(play.state.open_moves()) == ["Do b", "Do c", "Do m[0]/y", "Do m[1]/z"]
    play.do("c", "b", "m[0]/y", "m[0]/z", "m[1]/z")
    assert told(play.tell(RerunRequested("a"))) == ["Do a"]
    assert told(play.do("a")) == ["Ask m", "Do b"]


def told(moves: list[Move]) -> list[str]:
    return [f"{type(move).__name__} {'' if isinstance(move, Finish) else move.path}" for move in moves]
