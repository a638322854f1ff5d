"""What an engine says of attempts by the rules alone is what the flow's code would say."""

from __future__ import annotations

import pytest

from lightagent import LightFlow
from lightagent.adapters.system import SystemClock
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_machinery import FlowMachinery
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    AttemptStopped,
    FlowEvent,
    FlowStarted,
    RerunRequested,
    Signalled,
)
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.moves import Ask, Do
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_machine import FlowMachine

MACHINE: FlowMachine = FlowMachinery()


def same(query: str) -> str:
    return query


def letters() -> FlowSteps:
    flow = LightFlow(name="letters").step("plan", agent=same)
    flow.step("write", agent=same, depends_on=["plan"])
    flow.step("send", agent=same, depends_on=["write"], query="send it", repeatable=False)
    flow.step("coded", agent=same, depends_on=["plan"], query=lambda context: "made")
    flow.map("each", ["a", "b"], agent=same, depends_on=["plan"])
    flow.wait_for("paid", event="payment")
    return FlowSteps("letters", flow.declared, SystemClock())


def begun(code: FlowSteps, owner: Scope = Scope("acme", "ann")) -> list[FlowEvent]:
    return [FlowStarted("r", code.definition, "go", owner, FlowLimits(max_lost=2), at=1.0)]


def attempts(state: FlowState) -> list[Do]:
    return [move for move in state.open_moves() if isinstance(move, Do)]


async def test_the_intent_of_an_attempt_is_the_one_that_code_gives() -> None:
    code = letters()
    past, seen = begun(code), dict[str, AttemptStarted]()
    for _ in range(20):
        state = fold(past)
        for ask in state.open_moves():
            if isinstance(ask, Ask):
                past.append(Answered(ask.path, ask.epoch, ask.question, ["a", "b"]))
        for move in attempts(fold(past)):
            (told,) = await code.carry_out(move.path, past)
            assert isinstance(told, AttemptStarted)
            intent = MACHINE.intent(fold(past), move, 2.0)
            if move.path == "coded":
                assert intent is None, "code makes its query"
            else:
                assert intent == told
            seen[move.path] = told
            past += [told, AttemptFinished(move.path, move.epoch, move.attempt, StepOutput(f"did {move.path}"))]
    assert seen.keys() == {"plan", "write", "send", "coded", "each[0]/each", "each[1]/each"}
    assert seen["plan"].key.endswith("@r/plan@1"), "the key of an owner's run begins with a digest of the owner"


def test_what_was_interrupted_is_given_up_by_the_rules_of_every_engine() -> None:
    code = letters()
    past = begun(code)
    (plan,) = attempts(fold(past))
    started = AttemptStarted("plan", 1, 1, "key", "go")
    for lost in (0, 1):
        state = fold([*past, *[started] * lost])
        assert MACHINE.lost_attempt(state, attempts(state)[0], 3.0) is None
    state = fold([*past, started, started])
    told = MACHINE.lost_attempt(state, attempts(state)[0], 3.0)
    assert isinstance(told, AttemptFailed)
    assert (told.error.code, told.at) == ("LA-FLOW-LOST", 3.0)
    left = fold([*past, started, started, AttemptStopped("plan", 1, 1)])
    assert MACHINE.lost_attempt(left, attempts(left)[0], 3.0) is None, "what was left in good order does not count"
    done = [*past, started, AttemptFinished("plan", 1, 1, StepOutput("p"))]
    done += [AttemptStarted("write", 1, 1, "k"), AttemptFinished("write", 1, 1), AttemptStarted("send", 1, 1, "k")]
    state = fold(done)
    (send,) = [move for move in attempts(state) if move.path == "send"]
    told = MACHINE.lost_attempt(state, send, 3.0)
    assert told is not None
    assert "unknown" in told.error.message
    assert plan.path == "plan"


def test_events_travel_as_texts_and_others_are_refused() -> None:
    code = letters()
    for event in begun(code):
        assert MACHINE.read(MACHINE.write(event)) == event
    for text in ("{", "[]", '{"type": "other"}'):
        with pytest.raises(ConfigurationError):
            MACHINE.read(text)


def test_a_step_that_is_asked_for_again_and_an_event_are_what_they_are_in_one_process() -> None:
    state = fold(begun(letters()))
    assert MACHINE.rerun_events(state, "plan", 2.0) == [RerunRequested("plan", at=2.0)]
    assert MACHINE.signalled(state, Signalled("payment", 3)) == Signalled("payment", 3)
    with pytest.raises(ConfigurationError, match="waits for the event"):
        MACHINE.signalled(state, Signalled("other"))
