"""A session: the conversation that its turns amount to, each turn a run that is kept as its events."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Event, RunFinished, RunStarted, ToolFinished
from lightagent.domain.folding import apply, start
from lightagent.domain.messages import ContextMessage, Message
from lightagent.domain.outcomes import Blocked, Cancelled, Completed, Suspended
from lightagent.domain.runs import Run


@dataclass(frozen=True, slots=True)
class Session:
    """A session as of entry `head` of its stream.

    Attributes:
        head: the sequence of the last event; 0 for a session that has not begun.
        messages: the conversation before the turn that is open, or before the next one. Turns that failed, were
            blocked or cancelled are no part of it.
        run: the turn that has not ended: it waits for a human, is under way, or was interrupted.
        events: of that turn.
    """

    head: int = 0
    messages: tuple[Message, ...] = ()
    run: Run | None = None
    events: tuple[Event, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether the open turn waits for a human."""
        return self.run is not None and isinstance(self.run.outcome, Suspended)


def advance_session(session: Session, event: Event) -> Session:
    """The session after the next event of its stream.

    Raises:
        ConfigurationError: it cannot happen here.
    """
    if isinstance(event, RunStarted):
        run = _begun(session, event)
    elif session.run is None:
        raise ConfigurationError(f"Session: {event.type} belongs to no turn.", guidance="")
    else:
        run = apply(session.run, event)
    head = session.head + 1
    if run.outcome is None or isinstance(run.outcome, Suspended):
        return Session(head, session.messages, run, (*session.events, event))
    return Session(head, conversation(run) if isinstance(run.outcome, Completed) else session.messages)


def _begun(session: Session, event: RunStarted) -> Run:
    if session.run is not None:
        raise ConfigurationError("Session: a turn begins before the last one has ended.", guidance="")
    count = 0 if event.history is None else event.history.count
    if count != len(session.messages):
        raise ConfigurationError(
            f"Session: a turn begins from {count} messages, but there are {len(session.messages)}.", guidance=""
        )
    return start(event, session.messages)


def conversation(run: Run) -> tuple[Message, ...]:
    """The messages of a run that a next one may begin from, without what context sources added to it.

    Calls without results are left out with the message that made them, so that a provider takes what is left. So is a
    last reply that was withheld.
    """
    withheld = isinstance(run.outcome, Blocked) and run.last_reply is not None
    messages = run.messages[:-1] if run.calls or withheld else run.messages
    return tuple(message for message in messages if not isinstance(message, ContextMessage) or message.replaces)


def closing_events(run: Run, unknown: str, at: float) -> tuple[Event, ...]:
    """What ends a turn that a crash interrupted: what its calls have done is unknown.

    Args:
        unknown: the text in place of a result, with the name of the tool as `{tool}`.
    """
    begun = [call.call for call in run.calls.values() if call.status == "started"]
    results = [ToolFinished(call.id, unknown.format(tool=call.name), "unknown", at=at) for call in begun]
    return (*results, RunFinished(Cancelled(), at=at))
