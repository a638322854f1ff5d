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
    """Ask code without effects, and record its answer as `Answered`."""

    path: str
    epoch: int
    question: Question
    step: StepDefinition


@dataclass(frozen=True, slots=True)
class Do:
    """Make an attempt at a step: record `AttemptStarted` before anything is done, and then the event of its end.

    Attributes:
        attempt: the number of the attempt, counted from 1.
        due: the time before which the attempt must not start, in seconds of the clock; 0: it may start at once.
        again: whether the attempt was started before and interrupted, so that its effects are unknown.
        fallback: whether the step's fallback makes the attempt.
        query: the query, if it is known already; None if it is to be made.
        feedback: why the last attempt's result was not accepted.
        notes: the events of the attempt's nested run so far, if it was started before.
        lost: how many times in a row the attempt was started without an end or a clean stop. A high number suggests
            that the attempt kills its processes.
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
    """Ask a person: record `StepApprovalRequested`. The decision is another event, maybe days later."""

    path: str
    epoch: int
    about: Subject
    step: StepDefinition


@dataclass(frozen=True, slots=True)
class BeginWait:
    """Begin a wait: record `WaitBegan` with the time at which it ends. `until` is that time if code returned one."""

    path: str
    epoch: int
    step: StepDefinition
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """Record `WaitEnded` when the clock reaches `due`, in seconds."""

    path: str
    epoch: int
    due: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop an attempt that is under way.

    Attributes:
        answered: whether `AttemptStopped`, or a result that came in time, is to be recorded: so in a cancelled run.
            After a rerun nothing is recorded.
    """

    path: str
    epoch: int
    attempt: int
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Finish:
    """End the run, since nothing else is to be done: record `FlowFinished` with this status."""

    status: FinalStatus


Move: TypeAlias = Ask | Do | AskHuman | BeginWait | Wake | Stop | Finish
