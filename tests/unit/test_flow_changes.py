"""Which changes of a definition a stored run goes on with, and which step and field holds it back.

The run was stopped with a: success, b: failed, c: interrupted, d: waits for approval, m: a map with an item done, one
failed and one open, l: in its second round, w: waits for an event, k: skipped by its condition, e: not begun.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent.domain.flow.changes import change_faults, held_by
from lightagent.domain.flow.definition import CodeDigest, FlowDefinition, StepDefinition, WaitFor
from lightagent.domain.flow.events import DefinitionChanged, RerunRequested
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.retrying import Backoff, RetryPolicy
from lightagent.domain.flow.state import FlowState, fold
from tests.support.random_flows.play import Play


def code(digest: str, field: str = "agent") -> tuple[CodeDigest, ...]:
    return (CodeDigest(field, f"tree-1:{digest}"),)


X = StepDefinition("x", code=code("x"))
STEPS = {
    "a": StepDefinition("a", code=code("a")),
    "b": StepDefinition("b", depends_on=("a",), code=code("b")),
    "c": StepDefinition("c", depends_on=("a",), code=code("c")),
    "d": StepDefinition("d", depends_on=("a",), approval=True, code=code("d")),
    "m": StepDefinition("m", kind="map", depends_on=("a",), body=(X,)),
    "l": StepDefinition("l", kind="loop", depends_on=("a",), body=(X,), rounds=3),
    "w": StepDefinition("w", kind="wait", depends_on=("a",), wait=WaitFor(event="paid")),
    "k": StepDefinition("k", depends_on=("a",), condition=True, code=code("k")),
    "e": StepDefinition("e", depends_on=("c", "d"), code=code("e")),
}


def stopped() -> Play:
    play = Play(*STEPS.values())
    play.do("a")
    play.fail("b")
    play.start("c")
    play.request("d")
    play.answer("m", "items", [1, 2, 3])
    play.do("m[0]/x")
    play.fail("m[1]/x")
    play.start("m[2]/x")
    play.do("l#1/x")
    play.answer("l", "again", True)
    play.start("l#2/x")
    play.begin_wait("w")
    play.answer("k", "when", False)
    return play


def changed(**steps: StepDefinition | None) -> FlowDefinition:
    """With these instead, without those that are None, and with new ones at the end."""
    return FlowDefinition("flow", tuple(step for step in (STEPS | steps).values() if step is not None))


S = STEPS
MET = {
    "nothing": changed(),
    "other code of a step that has not begun": changed(e=replace(S["e"], code=code("e2"))),
    "other code of a step that has failed": changed(b=replace(S["b"], code=code("b2"))),
    "other code of a step that waits for approval": changed(d=replace(S["d"], code=code("d2"))),
    "a step at the end": changed(z=StepDefinition("z", depends_on=("e",))),
    "a step at the root": changed(z=StepDefinition("z")),
    "a step before one that has not begun": changed(
        z=StepDefinition("z"), e=replace(S["e"], depends_on=("c", "d", "z"))
    ),
    "a dependency less of a step that has not begun": changed(e=replace(S["e"], depends_on=("c",))),
    "a step that has not begun is gone": changed(e=None),
    "another order": FlowDefinition("flow", tuple(reversed(S.values()))),
    "another order of dependencies": changed(e=replace(S["e"], depends_on=("d", "c"))),
    "policies": changed(
        **{
            name: replace(S[name], retry=RetryPolicy(5, backoff=Backoff(1.0)), timeout=9.0, fallback=True)
            for name in ("a", "b", "c", "d", "e")
        }
    ),
    "code that only decides": changed(k=replace(S["k"], code=(*code("k"), CodeDigest("condition", "tree-1:new")))),
    "approval of a step that has not begun": changed(e=replace(S["e"], approval=True)),
    "more rounds": changed(l=replace(S["l"], rounds=5)),
    "another event to wait for": changed(w=replace(S["w"], wait=WaitFor(event="sent"))),
    "metadata": changed(a=replace(S["a"], metadata={"team": "red"})),
}

HELD = {
    "other code of a step that has succeeded": (changed(a=replace(S["a"], code=code("a2"))), "a", "agent"),
    "other code of an interrupted step": (changed(c=replace(S["c"], code=code("c2"))), "c", "agent"),
    "other code in a map half done": (
        changed(m=replace(S["m"], body=(replace(X, code=code("x2")),))),
        "m[0]/x",
        "agent",
    ),
    "code where there was none": (changed(a=replace(S["a"], code=())), "a", "agent"),
    "another query": (changed(a=replace(S["a"], query="What?")), "a", "query"),
    "other work": (changed(a=replace(S["a"], work="other")), "a", "work"),
    "another form of the output": (changed(a=replace(S["a"], output_schema={"type": "object"})), "a", "output_schema"),
    "a step before one that has succeeded": (
        changed(z=StepDefinition("z"), a=replace(S["a"], depends_on=("z",))),
        "a",
        "depends_on",
    ),
    "a dependency less of a step that has begun": (changed(b=replace(S["b"], depends_on=())), "b", "depends_on"),
    "a step that has succeeded is gone": (
        changed(
            a=None,
            **{name: replace(step, depends_on=()) for name, step in S.items() if name not in "ae"},
        ),
        "a",
        "name",
    ),
    "a step that has failed is gone": (changed(b=None), "b", "name"),
    "a step that has begun has another name": (
        changed(b=None, z=replace(S["b"], name="z")),
        "b",
        "name",
    ),
    "approval of a step that has succeeded": (changed(a=replace(S["a"], approval=True)), "a", "approval"),
    "no approval of a step that waits for it": (changed(d=replace(S["d"], approval=False)), "d", "approval"),
    "a condition of a step that has succeeded": (changed(a=replace(S["a"], condition=True)), "a", "condition"),
    "no condition of a step that it skipped": (changed(k=replace(S["k"], condition=False)), "k", "condition"),
    "verification of a step that has succeeded": (changed(a=replace(S["a"], verify=True)), "a", "verify"),
    "fewer rounds than were made": (changed(l=replace(S["l"], rounds=1)), "l", "rounds"),
    "a task that becomes a map": (changed(a=replace(S["a"], kind="map", body=(X,))), "a", "kind"),
    "a step more in a loop of two rounds": (
        changed(l=replace(S["l"], body=(X, StepDefinition("y", depends_on=("x",))))),
        "l",
        "steps",
    ),
}


@pytest.mark.parametrize("case", MET)
def test_a_change_that_fits_is_gone_on_with(case: str) -> None:
    play = stopped()
    before = {path: node.status for path, node in play.state.nodes.items()}
    assert change_faults(play.log, MET[case]) == ()
    state = fold([*play.log, DefinitionChanged(MET[case])])
    assert state.definition == MET[case]
    assert {path: state.nodes[path].status for path in before if path in state.nodes}.items() <= before.items()


@pytest.mark.parametrize("case", HELD)
def test_a_change_that_does_not_fit_is_refused_by_step_and_field(case: str) -> None:
    play = stopped()
    definition, path, field = HELD[case]
    faults = change_faults(play.log, definition)
    assert (faults[0].path, faults[0].field) == (path, field)
    text = held_by(play.state, faults)
    assert f"{path} ({field})" in text
    assert "run" in text


def test_a_loop_has_begun_where_its_round_is_over_and_nobody_has_said_yet_whether_it_goes_on() -> None:
    play = Play(S["a"], S["l"])
    play.do("a")
    play.do("l#1/x")
    (fault,) = change_faults(play.log, FlowDefinition("flow", (S["a"], replace(S["l"], body=(replace(X, code=()),)))))
    assert (fault.path, fault.field) == ("l#1/x", "agent")


def test_somebody_may_say_that_a_result_still_counts() -> None:
    play = stopped()
    definition = changed(a=replace(S["a"], code=code("a2")), m=replace(S["m"], body=(replace(X, code=code("x2")),)))
    faults = change_faults(play.log, definition)
    assert {fault.path for fault in faults} == {"a", "m[0]/x", "m[2]/x"}
    assert all(fault.acceptable for fault in faults)
    assert "Accept" in held_by(play.state, faults)
    assert change_faults(play.log, definition, ("a", "m/x")) == ()
    state = fold([*play.log, DefinitionChanged(definition, ("a", "m/x"))])
    assert state.nodes["a"].status == "success"


def test_a_rerun_frees_a_step_with_other_code() -> None:
    play = stopped()
    definition = changed(a=replace(S["a"], code=code("a2")))
    assert change_faults([*play.log, RerunRequested("a")], definition) == ()


def test_a_state_takes_no_other_definition_but_by_folding_the_past() -> None:
    play = stopped()
    with pytest.raises(Refused, match="over the whole past"):
        play.state.apply(DefinitionChanged(changed(e=None)))
    assert isinstance(play.state, FlowState)
    assert play.state.apply(DefinitionChanged(play.state.definition)) == []


def test_a_step_whose_turn_has_come_and_that_has_nothing_on_record_may_change() -> None:
    play = Play(S["a"], replace(S["k"], depends_on=()), replace(S["m"], depends_on=()), replace(S["l"], depends_on=()))
    assert {node.status for node in play.state.nodes.values()} == {"ready", "asking", "inside"}
    gone = FlowDefinition("flow", (S["a"], StepDefinition("z", depends_on=("a",))))
    assert change_faults(play.log, gone) == ()
    play.answer("k", "when", True)
    assert [fault.path for fault in change_faults(play.log, gone)] == ["k"]
