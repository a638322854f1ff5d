"""What is true of a run that a policy stopped or refused at one of its boundaries."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lightagent import LightAgentErrorInfo, RunResult, StreamEvent, event_to_dict
from lightagent.domain.outcomes import Completed, Outcome, outcome_error
from lightagent.domain.policy.phases import Phase
from lightagent.domain.runs.events import Concluded, Event, Nested, RunFinished, ToolFinished
from tests.support.policy_run import DeedGate, Effects, canary

FRESH: tuple[Phase, ...] = ("context", "model_reply", "tool_result", "output", "conclusion")
"""What these review comes into being there, so nothing that went before holds it."""

REFUSED_CALLS: dict[Phase, tuple[str, str]] = {
    "tool_call": ("look_call", "refused"),
    "approval": ("pay_call", "refused"),
    "tool_result": ("look_call", "withheld"),
    "handoff": ("switch_call", "withheld"),
}
"""The call that is refused at each boundary about calls, and its status then."""


@dataclass(frozen=True)
class Ending:
    """What a run came to, plain and streamed."""

    result: RunResult[str]
    shown: list[StreamEvent]
    effects: Effects
    gate: DeedGate

    @property
    def events(self) -> list[Event]:
        """The events of the run that the gate minds."""
        events = self.result.journal.events
        if self.gate.nested_only:
            return [event.event for event in events if isinstance(event, Nested)]
        return list(events)

    @property
    def outcome(self) -> Outcome:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last.outcome


def bears(event: Event, phase: Phase) -> bool:
    """Whether a decision of this boundary, other than to let pass, rides on the event."""
    while isinstance(event, Nested):
        event = event.event
    decisions = getattr(event, "decisions", ())
    return any(decision.phase == phase and decision.action != "allow" for decision in decisions)


def check_withheld(ending: Ending, phase: Phase) -> None:
    """What was reviewed here is nowhere from the decision on, and was never shown."""
    word, journal = canary(phase), ending.result.journal.events
    bearing = [place for place, event in enumerate(journal) if bears(event, phase)]
    assert len(bearing) == 1
    texts = [json.dumps(event_to_dict(event)) for event in journal]
    alone = not ending.gate.nested_only
    known = texts if phase in FRESH or (phase == "admission" and alone) else texts[bearing[0] :]
    assert not [text for text in known if word in text]
    assert word not in ending.result.content
    shown = [event for event in ending.shown if phase != "admission" or alone or event.path]
    assert not [event for event in shown if word in json.dumps(event.data)]
    if phase in FRESH:
        assert word not in json.dumps(ending.result.to_dict())


def check_stopped(ending: Ending, phase: Phase, outcome: type[Outcome], code: str) -> None:
    """The run ended so because of this boundary; at a conclusion only that conclusion did."""
    if phase == "conclusion":
        concluded = [event for event in ending.events if isinstance(event, Concluded)]
        assert [event.error.code if event.error else None for event in concluded] == [code]
        assert isinstance(ending.outcome, Completed)
        assert not ending.effects.concluded
    else:
        assert isinstance(ending.outcome, outcome), ending.outcome
        error = outcome_error(ending.outcome)
        assert error is not None
        assert error.code == code
    check_withheld(ending, phase)
    finished = {e.call_id: e.status for e in ending.events if isinstance(e, ToolFinished)}
    if phase == "tool_call":
        assert finished == {"look_call": "refused"}
        assert not ending.effects.touched
    elif phase == "tool_result":
        assert finished == {"look_call": "withheld"}
        assert ending.effects.touched
    elif phase == "approval":
        assert finished == {"pay_call": "refused"}
        assert not ending.effects.touched


def check_refused(ending: Ending, phase: Phase, error: LightAgentErrorInfo) -> None:
    """The model got the error of what was refused at this boundary, and the run went on."""
    assert isinstance(ending.outcome, Completed), ending.outcome
    call_id, status = REFUSED_CALLS[phase]
    finished = {e.call_id: e for e in ending.events if isinstance(e, ToolFinished)}[call_id]
    assert (finished.status, finished.ends, finished.effects) == (status, None, ())
    assert finished.output == f"[{error.code}] {error.message}"
    assert finished.error == error
    check_withheld(ending, phase)
