"""Keeps the turns of a session: reads the conversation before a run, and writes the run's events as they happen."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakKeyDictionary

from lightagent.application.event_codec import event_from_dict
from lightagent.application.hold_lease import HeldLease
from lightagent.application.keep_run import append_owned, drafts_of
from lightagent.application.read_entry import read_entry
from lightagent.domain.errors import ConfigurationError, PolicyError
from lightagent.domain.events import Event, HistoryReference, RunStarted
from lightagent.domain.journal_streams import StreamKey
from lightagent.domain.messages import Message
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions import Session, advance_session, closing_events
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

KIND: Final = "session"
"""The kind of the streams that hold sessions."""

_CACHED: Final = 256
"""Sessions of one store whose conversation is kept in memory, so that a turn reads only what is new."""


@dataclass(frozen=True, slots=True)
class Known:
    """A session as this process has last seen it.

    Attributes:
        born: when its stream was created. Another time means that the session was forgotten and begun again.
    """

    session: Session = field(default_factory=Session)
    born: float = 0.0


class _Cache:
    """The sessions of one store that were used last."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[StreamKey, Known] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: StreamKey) -> Known:
        with self._lock:
            return self._sessions.get(key, Known())

    def put(self, key: StreamKey, known: Known) -> None:
        with self._lock:
            self._sessions[key] = known
            self._sessions.move_to_end(key)
            while len(self._sessions) > _CACHED:
                self._sessions.popitem(last=False)


_caches: WeakKeyDictionary[JournalStore, _Cache] = WeakKeyDictionary()


def session_key(scope: Scope) -> StreamKey:
    """The stream of a session; its owner is part of the key, so another user's session of the same id is another."""
    return StreamKey(Scope(scope.tenant, scope.user), KIND, scope.session)


class SessionKeeper:
    """Keeps one turn, new or resumed.

    Args:
        wait: seconds to wait for another turn of the session that is under way.
        interrupted: what is put in place of the result of a call that a crash interrupted.
    """

    def __init__(self, store: JournalStore, scope: Scope, clock: Clock, *, wait: float, interrupted: str) -> None:
        self._store = store
        self._key = session_key(scope)
        self._clock = clock
        self._wait = wait
        self._interrupted = interrupted
        self._session = Session()
        self._born = 0.0
        self._lease: HeldLease | None = None
        self._kept = 0  # events of this turn that are written
        self._opened = False

    async def open(self, events: list[Event], known: int) -> tuple[Message, ...]:
        """Take the session, and give the conversation that the turn begins from.

        Args:
            events: of the turn; of a new one the first is changed to refer to the conversation.
            known: how many of them were there before, of a turn that is resumed.

        Raises:
            LeaseHeld: another turn is under way.
            PolicyError: the session waits for a human.
            ConfigurationError: the turn that is resumed is not the one that is open.
        """
        started = events[0]
        holder = started.run_id if isinstance(started, RunStarted) else ""
        self._lease = HeldLease(self._store, self._key, f"run {holder}")
        await self._lease.acquire(self._wait)
        loaded = await load_session(self._store, self._key)
        self._session, self._born = loaded.session, loaded.born
        if known:
            self._check_resumed(events[:known])
            self._kept, self._opened = known, True
            return self._session.messages
        await self._close_interrupted()
        self._opened = True
        messages = self._session.messages
        if messages and isinstance(started, RunStarted):
            reference = HistoryReference(self._key.id, self._session.head, len(messages))
            events[0] = replace(started, history=reference)
        return messages

    async def write(self, events: Sequence[Event]) -> None:
        """Put on record what has happened so far.

        Raises:
            StoreError: it could not be written; `Fenced`: somebody else has taken the session over.
        """
        if len(events) > self._kept and self._opened:
            await self._write(events)

    async def _write(self, events: Sequence[Event]) -> None:
        new = events[self._kept :]
        await self._append(new)
        self._kept += len(new)

    async def close(self, events: Sequence[Event]) -> None:
        """Put the rest on record, and give the session back."""
        if self._lease is None:
            return
        try:
            await self.write(events)
            if self._opened:
                _cache(self._store).put(self._key, Known(self._session, self._born))
        finally:
            await self._lease.release()

    async def _append(self, events: Sequence[Event]) -> None:
        session = self._session
        for event in events:
            session = advance_session(session, event)
        token = None if self._lease is None else self._lease.token
        labels = {"status": _status(session)}
        expected, now = self._session.head, self._clock.now()
        begun = await append_owned(
            self._store, self._key, drafts_of(events), expected=expected, at=now, labels=labels, token=token
        )
        self._session, self._born = session, self._born if expected else begun

    async def _close_interrupted(self) -> None:
        """Close a turn whose process is gone; refuse to go past one that waits for a human."""
        session = self._session
        if session.run is None:
            return
        if session.waits:
            raise PolicyError(
                f"The session {self._key.id!r:.100} waits for a human.",
                guidance="Resume its turn first: agent.resume(await Sessions(store).journal(session_id), decision).",
            )
        await self._append(closing_events(session.run, self._interrupted, self._clock.now()))

    def _check_resumed(self, events: Sequence[Event]) -> None:
        if tuple(events) != self._session.events:
            raise ConfigurationError(
                f"The journal is not that of the turn which is open in the session {self._key.id!r:.100}.",
                guidance="Resume the one that the session has: Sessions(store).journal(session_id).",
            )


async def load_session(store: JournalStore, key: StreamKey) -> Known:
    """The session as of now; what this process has read or written before is not read again.

    Raises:
        StoreError: it cannot be read.
        ConfigurationError: it is no possible session.
    """
    known = _cache(store).get(key)
    session, born = known.session, known.born
    while True:
        found = await store.read(key, session.head)
        if session.head and (found.stream.created_at != born or found.stream.head < session.head):
            session = Session()
            continue
        born = found.stream.created_at
        for entry in found.entries:
            at = f"Session: entry {entry.sequence}"
            session = advance_session(session, event_from_dict(read_entry(entry, at), at))
        if session.head >= found.stream.head:
            return Known(session, born)


def _cache(store: JournalStore) -> _Cache:
    return _caches.setdefault(store, _Cache())


def _status(session: Session) -> str:
    if session.waits:
        return "waiting"
    return "idle" if session.run is None else "running"
