"""Keeps the turns of a session: reads the conversation before a run, and writes the run's events as they happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

from lightagent.application.active_run.means import Means
from lightagent.application.reviews.streams import TAKEN_BACK, ReviewStreams, withdraw_reviews
from lightagent.application.sessions.load import session_key
from lightagent.application.sessions.write import SessionWriter
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.labels import joined
from lightagent.domain.errors import ConfigurationError, PolicyError, StoreError
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.events import Event, RunFinished, RunStarted
from lightagent.domain.runs.starts import HistoryReference
from lightagent.domain.runs.state import Beginning
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.entries import IncompleteTurnsIncluded, LogEntry, TurnUndone
from lightagent.domain.sessions.session import Session, advance_session, closing_events, unknown_results
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock


@dataclass(frozen=True, slots=True)
class TurnPlace:
    """Where in its session a new turn belongs.

    Attributes:
        instead_of: the run id of the last turn, which it takes the place of; empty for one that follows.
        include_incomplete: it begins from the conversation with the turns that did not complete.
    """

    instead_of: str = ""
    include_incomplete: bool = False


NEXT: Final = TurnPlace()
"""After the last turn, whose conversation it goes on with."""


class SessionKeeper:
    """Keeps one turn, new or resumed.

    Args:
        wait: seconds to wait for another turn of the session that is under way.
        interrupted: what is put in place of the result of a call that a crash or a cancellation interrupted.
        place: of a new turn.
        goes_on: gives the agent that acts first in a new turn, from the name of the one that answered last; None where
            the one that it is begun with does.
    """

    def __init__(
        self,
        store: JournalStore,
        scope: Scope,
        clock: Clock,
        *,
        wait: float,
        interrupted: str,
        place: TurnPlace = NEXT,
        goes_on: Callable[[str], AgentHead | None] | None = None,
    ) -> None:
        self._store = store
        self._key = session_key(scope)
        self._clock = clock
        self._wait = wait
        self._interrupted = interrupted
        self._place = place
        self._goes_on = goes_on
        self._writer: SessionWriter | None = None
        self._before: tuple[LogEntry, ...] = ()  # what goes before the first event of this turn
        self._kept = 0  # events of this turn that are written
        self._opened = False

    async def open(self, events: list[Event], known: int) -> Beginning:
        """Take the session, and give the conversation that the turn begins from.

        Args:
            events: of the turn; of a new one the first is changed to refer to the conversation.
            known: how many of them were there before, of a turn that is resumed.

        Raises:
            LeaseHeld: another turn is under way.
            PolicyError: the session waits for a human, or the turn that is to be replaced is not the last one.
            ConfigurationError: the turn that is resumed is not the one that is open.
        """
        started = events[0]
        holder = started.run_id if isinstance(started, RunStarted) else ""
        writer = SessionWriter(self._store, self._key, f"run {holder}", self._clock.now)
        self._writer = writer
        await writer.open(self._wait)
        if known:
            self._check_resumed(writer, events[:known])
            self._kept, self._opened = known, True
            return Beginning(writer.session.beginning, writer.session.untrusted, writer.session.transcript.tools)
        closing, self._before = room_for(
            writer.session, self._place, self._key.id, self._interrupted, self._clock.now()
        )
        if closing:
            await writer.append(closing)
        self._opened = True
        session = reduce(advance_session, self._before, writer.session)
        events[0], beginning = beginning_of(session, started, self._key.id, self._acting(session))
        return beginning

    def _acting(self, session: Session) -> AgentHead | None:
        last = session.transcript.agent
        return None if self._goes_on is None or not last else self._goes_on(last)

    async def write(self, events: Sequence[Event]) -> None:
        """Put on record what has happened so far.

        Raises:
            StoreError: it could not be written; `Fenced`: somebody else has taken the session over.
        """
        if len(events) > self._kept and self._opened and self._writer is not None:
            new = events[self._kept :]
            await self._writer.append(self._with_unknown_results(self._writer.session, (*self._before, *new)))
            self._kept += len(new)
            before, self._before = self._before, ()
            for entry in before:
                if isinstance(entry, TurnUndone):
                    with suppress(StoreError):  # This turn goes on all the same.
                        streams = ReviewStreams(self._store, self._clock.now)
                        await withdraw_reviews(streams, self._key.owner, entry.run_id, TAKEN_BACK)

    async def close(self, events: Sequence[Event]) -> None:
        """Put the rest on record, and give the session back."""
        if self._writer is None:
            return
        try:
            await self.write(events)
        finally:
            await self._writer.close()

    def _with_unknown_results(self, session: Session, entries: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        """The entries, and if they end a turn whose calls are under way, such as by its cancellation, results of these.

        Otherwise a turn that begins from everything would not tell the model that it made the calls.
        """
        *others, last = entries
        if not isinstance(last, RunFinished) or isinstance(last.outcome, Suspended):
            return entries
        run = reduce(advance_session, others, session).run
        if run is None or not run.calls:
            return entries
        return (*others, *unknown_results(run, self._interrupted, last.at), last)

    def _check_resumed(self, writer: SessionWriter, events: Sequence[Event]) -> None:
        if writer.session.run is None:
            raise ConfigurationError(
                f"The session {self._key.id!r:.100} has no turn to resume.",
                guidance="It was resumed, replaced, taken back or forgotten meanwhile. Ask anew.",
            )
        if tuple(events) != writer.session.events:
            raise ConfigurationError(
                f"The journal is not that of the turn which is open in the session {self._key.id!r:.100}.",
                guidance="Resume the one that the session has: Sessions(store).journal(session_id).",
            )


def sessions_of(means: Means[DepsT], scope: Scope) -> JournalStore:
    """Where the sessions of an agent are kept, of one of which a run of this scope is to be a turn.

    Raises:
        ConfigurationError: nowhere.
    """
    if means.sessions is None:
        raise ConfigurationError(
            f"The run belongs to the session {scope.session!r:.100}, but the agent has no session_store.",
            guidance="Give it a store: from lightagent.adapters.journals.sqlite import SqliteJournalStore; "
            'LightAgent(session_store=SqliteJournalStore("sessions.db")).',
        )
    return means.sessions


def beginning_of(session: Session, started: Event, name: str, acting: AgentHead | None) -> tuple[Event, Beginning]:
    """The first event of a new turn, which refers to the conversation, and what the turn begins from.

    Args:
        name: of the session.
        acting: who acts first, where that is another agent than the one that is run.
    """
    if session.beginning and isinstance(started, RunStarted):
        reference = HistoryReference(name, session.head, len(session.beginning))
        told = joined(session.untrusted, started.untrusted or ())
        # With them the journal tells all by itself; where there are none, that goes without saying.
        started = replace(started, history=reference, untrusted=told or None, acting=acting)
    return started, Beginning(session.beginning, session.untrusted, session.transcript.tools)


def room_for(
    session: Session, place: TurnPlace, name: str, interrupted: str, now: float
) -> tuple[Sequence[LogEntry], tuple[LogEntry, ...]]:
    """What is written before a new turn: what closes one whose process is gone, and what goes with the new one.

    Args:
        name: of the session.
        interrupted: as for `SessionKeeper`.

    Raises:
        PolicyError: the session waits for a human, or the turn that is to be replaced is not the last one.
    """
    closing: Sequence[LogEntry] = ()
    before: tuple[LogEntry, ...] = ()
    if place.instead_of:
        if session.last_turn != place.instead_of:
            raise PolicyError(
                f"{place.instead_of!r:.100} is not the last turn of the session {name!r:.100}.",
                guidance="Only the last turn is replaced: await Sessions(store).last_turn(session_id).",
            )
        before = (TurnUndone(session.last_turn, now),)
    elif session.waits:
        raise PolicyError(
            f"The session {name!r:.100} waits for a human.",
            guidance="Resume its turn first: agent.resume(await Sessions(store).journal(session_id), decision).",
        )
    elif session.run is not None:
        closing = closing_events(session.run, interrupted, now)
    if place.include_incomplete:
        before = (*before, IncompleteTurnsIncluded(now))
    return closing, before
