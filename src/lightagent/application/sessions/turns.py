"""Replays the turns of a session from its log, without asking a model or calling a tool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.trace import trace_events
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.sessions.codec import read_log_entry
from lightagent.application.sessions.load import load_session, log_beginning, read_log
from lightagent.domain.conversation.history import history_entry
from lightagent.domain.conversation.messages import Message, UserMessage
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import RunStatus
from lightagent.domain.runs.events import Admitted, Event, RunFinished
from lightagent.domain.sessions.entries import LogEntry, SessionEntry
from lightagent.domain.sessions.session import Session
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class SessionTurn:
    """One turn of a session.

    Attributes:
        run_id: of the run that the turn is.
        status: how it ended (`completed`, `failed`, `blocked`, `budget_exhausted`, `cancelled`), `suspended` while it
            waits for a human, or `running`, also if a crash interrupted it.
        undone: it was undone.
        journal: its events. `agent.replay(turn.journal)` gives its result.
        messages: the conversation after it, in OpenAI form. A turn that did not complete added nothing to it.
    """

    run_id: str
    status: RunStatus | Literal["running"]
    undone: bool
    journal: Journal
    messages: tuple[JsonObject, ...]

    @property
    def query(self) -> str | tuple[JsonObject, ...] | None:
        """The query, as text or content parts, after the policies; None if it was not admitted."""
        admitted = [event.message for event in self.journal.events if isinstance(event, Admitted)]
        started = self.journal.started
        if started.awaits_admission:
            asked: Message | None = admitted[0] if admitted else None
        else:
            asked = started.messages[-1]
        if not isinstance(asked, UserMessage):
            return None
        return asked.content if isinstance(asked.content, str) else tuple(copy_json(part) for part in asked.content)

    def trace(self, *, capture_content: bool = False) -> list[TraceEvent]:
        """The trace of the turn.

        Args:
            capture_content: include messages, arguments and outputs, which may be private.
        """
        return trace_events(self.journal.events, stream=False, capture_content=capture_content)


async def replay_turns(store: JournalStore, key: StreamKey) -> AsyncIterator[SessionTurn]:
    """The turns in the order in which they were begun, including undone ones; the open one comes last.

    Raises:
        StoreError: the session cannot be read.
        ConfigurationError: its entries do not make up a valid session.
    """
    whole = (await load_session(store, key)).session
    in_force = {turn.first for turn in whole.turns}
    stream, beginning = await log_beginning(store, key)
    async for before, entry, after in read_log(store, stream, beginning, whole.head):
        if isinstance(entry, SessionEntry):
            if before.run is not None and after.run is None:
                yield _turn(before.events, after, undone=True)
        elif after.run is None:
            yield _turn((*before.events, entry), after, undone=after.turns[-1].first not in in_force)
    if whole.run is not None:
        yield _turn(whole.events, whole)


async def read_last_turn(store: JournalStore, key: StreamKey, session: Session) -> SessionTurn | None:
    """The last turn of a session that was not undone, be it open or ended.

    Raises:
        StoreError: it cannot be read.
    """
    if session.run is not None:
        return _turn(session.events, session)
    if not session.turns:
        return None
    turn, entries = session.turns[-1], list[LogEntry]()
    while (after := turn.first - 1 + len(entries)) < turn.last:
        found = await store.read(key, after, min(turn.last - after, 1000))
        entries += [read_log_entry(one) for one in found.entries]
        if not found.entries:
            return None
    return _turn(tuple(entry for entry in entries if not isinstance(entry, SessionEntry)), session)


def _turn(events: tuple[Event, ...], after: Session, *, undone: bool = False) -> SessionTurn:
    journal = Journal(events)
    last = events[-1]
    status = last.outcome.kind if isinstance(last, RunFinished) else "running"
    messages = tuple(history_entry(message) for message in after.messages)
    return SessionTurn(journal.started.run_id, status, undone, journal, messages)
