"""The state of a run: what its events so far amount to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, assert_never

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import (
    OUTPUT_CHECK,
    ApprovalDecided,
    ApprovalRequested,
    ContextAdded,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Noted,
    OutputAccepted,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.messages import Message, ToolCall, ToolMessage
from lightagent.domain.outcomes import Completed, Outcome, Suspended
from lightagent.domain.review import ApprovalDecision


@dataclass(frozen=True, slots=True)
class PendingCall:
    """One call of the current turn on its way to its one result."""

    call: ToolCall
    status: Literal["new", "started", "waiting", "decided", "done"] = "new"
    decision: ApprovalDecision | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as of its last event. Folding a prefix and going on gives the same as folding the whole."""

    started: RunStarted
    messages: tuple[Message, ...]
    calls: tuple[PendingCall, ...] = ()
    turn: int = 0
    tool_rounds: int = 0
    output_rejections: int = 0
    last_reply: ModelReplied | None = None
    accepted: str | None = None
    requested: bool = False
    outcome: Outcome | None = None


def fold(events: Iterable[Event]) -> Run:
    """The run that these events tell, the first of which is `RunStarted`.

    Raises:
        ConfigurationError: the events are no possible run.
    """
    rest = iter(events)
    first = next(rest, None)
    if not isinstance(first, RunStarted):
        raise ConfigurationError("A journal begins with run_started.")
    return reduce(apply, rest, start(first))


def start(event: RunStarted) -> Run:
    """The run as of its first event."""
    return Run(event, event.messages)


def apply(run: Run, event: Event) -> Run:
    """The run after one more event.

    Raises:
        ConfigurationError: it cannot happen here.
    """
    _refuse_after_the_end(run, event)
    match event:
        case Noted():
            return run
        case ModelRequested() | ModelFailed() | ModelReplied():
            return _spoken(run, event)
        case ToolStarted() | ToolFinished() | ApprovalRequested() | ApprovalDecided():
            return _called(run, event)
        case ContextAdded():
            rejections = run.output_rejections + (event.source == OUTPUT_CHECK)
            return replace(run, messages=run.messages + event.messages, output_rejections=rejections, last_reply=None)
        case OutputAccepted():
            return replace(run, accepted=event.content)
        case RunFinished():
            return _finished(run, event.outcome)
        case RunStarted():
            raise ConfigurationError("A run starts once.")
        case _:
            assert_never(event)


def _refuse_after_the_end(run: Run, event: Event) -> None:
    if run.outcome is not None and not (isinstance(run.outcome, Suspended) and isinstance(event, ApprovalDecided)):
        raise ConfigurationError(f"Nothing follows {run.outcome.kind}, but {event.type} does.")


def _spoken(run: Run, event: ModelRequested | ModelFailed | ModelReplied) -> Run:
    """A request may be made twice of the same turn: a crash interrupted the first."""
    if run.calls:
        raise ConfigurationError(f"{event.type}: calls wait for their results.")
    if event.turn != run.turn + 1:
        raise ConfigurationError(f"{event.type}: turn {event.turn} does not follow turn {run.turn}.")
    if isinstance(event, ModelRequested):
        return replace(run, requested=True)
    if not run.requested:
        raise ConfigurationError(f"{event.type}: the model was not asked.")
    return _replied(run, event) if isinstance(event, ModelReplied) else run


def _finished(run: Run, outcome: Outcome) -> Run:
    """The other outcomes may come at any time, with calls open."""
    waiting = tuple(call.call.id for call in run.calls if call.status == "waiting")
    if isinstance(outcome, Completed) and (run.calls or run.last_reply is None):
        raise ConfigurationError("A run completes with the model's answer, and no call open.")
    if isinstance(outcome, Suspended) and (not waiting or outcome.call_ids != waiting):
        raise ConfigurationError("A run is suspended by the calls that wait, and names them.")
    return replace(run, outcome=outcome)


def _replied(run: Run, event: ModelReplied) -> Run:
    calls = tuple(PendingCall(call) for call in event.message.tool_calls)
    if len({call.id for call in event.message.tool_calls}) != len(calls):
        raise ConfigurationError("Two calls of one turn have the same id.")
    messages = (*run.messages, event.message)
    return replace(run, turn=event.turn, messages=messages, calls=calls, last_reply=event, requested=False)


def _called(run: Run, event: ToolStarted | ToolFinished | ApprovalRequested | ApprovalDecided) -> Run:
    calls = tuple(_advance(call, event) if call.call.id == event.call_id else call for call in run.calls)
    if calls == run.calls:
        raise ConfigurationError(f"{event.type}: no call {event.call_id!r} can take this here.")
    if any(call.status != "done" for call in calls):
        return replace(run, calls=calls, outcome=None)
    answers = tuple(ToolMessage(call.call.id, call.output) for call in calls)
    return replace(
        run, messages=run.messages + answers, calls=(), tool_rounds=run.tool_rounds + 1, last_reply=None, outcome=None
    )


def _advance(call: PendingCall, event: ToolStarted | ToolFinished | ApprovalRequested | ApprovalDecided) -> PendingCall:
    """The call after its event; unchanged where the event does not fit, which the caller refuses."""
    match event:
        case ToolStarted() if call.status in ("new", "decided"):
            return replace(call, status="started")
        case ToolFinished() if call.status not in ("waiting", "done"):
            return replace(call, status="done", output=event.output)
        case ApprovalRequested() if call.status in ("new", "started", "decided"):
            return replace(call, status="waiting", decision=None)
        case ApprovalDecided() if call.status == "waiting":
            return replace(call, status="decided", decision=event.decision)
        case _:
            return call
