"""The moves of a run of a flow, each answered by an event. Several are open at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import FinalStatus, FlowEvent, Question, Subject
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.events import Event


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask code without effects. `Answered` answers it."""

    path: str
    epoch: int
    question: Question
    step: StepDefinition


@dataclass(frozen=True, slots=True)
class Do:
    """Make an attempt at a step: `AttemptStarted` before anything is done, then how it ended.

    Attributes:
        attempt: its number, counted from 1.
        due: not before this moment, in seconds of the clock; 0: at once.
        again: it was begun before and interrupted, so its effect is unknown.
        fallback: the step's fallback does it.
        query: its query, if that is known already; None: it is to be made.
        feedback: why the last attempt's result was not accepted.
        notes: the events of its nested run so far, if it was begun before.
        lost: how often in a row it was begun without ending or being stopped cleanly: it may be what kills its
            processes.
    """

    path: str
    epoch: int
    attempt: int
    step: StepDefinition
    due: float = 0.0
    again: bool = False
    fallback: bool = False
    query: JsonValue = None
    feedback: str = ""
    notes: tuple[Event | FlowEvent, ...] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True)
class AskHuman:
    """Ask a person. `StepApprovalRequested` answers it; the decision may come days later."""

    path: str
    epoch: int
    about: Subject
    step: StepDefinition


@dataclass(frozen=True, slots=True)
class BeginWait:
    """Begin a wait: `WaitBegan`, with the moment when it ends. `until` is that moment if code has given it."""

    path: str
    epoch: int
    step: StepDefinition
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """Report at this moment that the time of a wait has come: `WaitEnded`."""

    path: str
    epoch: int
    due: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop this attempt. In a cancelled run `AttemptStopped` answers it; after a rerun nothing does.

    Attributes:
        answered: whether `AttemptStopped`, or a result that came in time, is to follow.
    """

    path: str
    epoch: int
    attempt: int
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing else is to be done: `FlowFinished` with this status."""

    status: FinalStatus


Move: TypeAlias = Ask | Do | AskHuman | BeginWait | Wake | Stop | Finish
