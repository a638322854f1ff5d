"""Reads a session from its stream: from where this process knows it, from its beginning, or from what is left of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Final
from weakref import WeakKeyDictionary

from lightagent.application.journals.read_streams import read_entries
from lightagent.application.sessions.codec import read_log_entry
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journals.streams import StreamInfo, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.domain.sessions.entries import LogEntry, SessionBase
from lightagent.domain.sessions.session import Session, advance_session, session_from
from lightagent.ports.journals import JournalStore

KIND: Final = "session"
"""The kind of the streams that hold sessions."""

_CACHED: Final = 256
"""Sessions of one store whose conversation is kept in memory, so that a turn reads only what is new."""


@dataclass(frozen=True, slots=True)
class Known:
    """A session as this process has last seen it.

    Attributes:
        born: when its stream was created. Another time means that the session was forgotten and begun again.
        base: the last entry that was removed from the front of its stream.
    """

    session: Session = field(default_factory=Session)
    born: float = 0.0
    base: int = 0


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


def no_session(key: StreamKey) -> ConfigurationError:
    """The error for a session that does not exist, or that belongs to another user."""
    return ConfigurationError(
        f"This user has no session {key.id!r:.100}.",
        guidance="Sessions(store).list(user_id) and `lightagent sessions list --user NAME` tell which there are. "
        "Where runs have a tenant, give it too: Sessions(store, tenant=…), --tenant NAME.",
    )


async def require_session(store: JournalStore, key: StreamKey) -> None:
    """Raise unless the session exists.

    Raises:
        ConfigurationError: it does not exist.
        StoreError: the store cannot be read.
    """
    if not (await store.read(key, -1, 1)).stream.head:
        raise no_session(key)


def remember_session(store: JournalStore, key: StreamKey, known: Known) -> None:
    """Keep a session in memory, so that the next turn in this process reads only what is new."""
    _caches.setdefault(store, _Cache()).put(key, known)


async def load_session(store: JournalStore, key: StreamKey) -> Known:
    """The session as of now; what this process has read or written before is not read again.

    Raises:
        StoreError: it cannot be read.
        ConfigurationError: its entries do not make up a valid session.
    """
    known = _caches.setdefault(store, _Cache()).get(key)
    while (loaded := await _read_on(store, key, known)) is None:
        known = Known()
    return loaded


async def _read_on(store: JournalStore, key: StreamKey, known: Known) -> Known | None:
    """The session with the entries since; None if its stream is another one by now, or begins elsewhere."""
    session = known.session
    while True:
        found = await store.read(key, session.head)
        stream = found.stream
        if not session.head:
            known = Known(session, stream.created_at, stream.base)
            if stream.base:
                session = await _base(store, stream)
                continue
        elif (stream.created_at, stream.base) != (known.born, known.base) or stream.head < session.head:
            return None
        for entry in found.entries:
            session = advance_session(session, read_log_entry(entry))
        if session.head >= stream.head:
            return replace(known, session=session)


async def read_log(
    store: JournalStore, stream: StreamInfo, session: Session, until: int
) -> AsyncIterator[tuple[Session, LogEntry, Session]]:
    """Each entry of a session up to the sequence `until`, with the session before and after it.

    Args:
        stream, session: what `log_beginning` gave.

    Raises:
        StoreError: it cannot be read, or was forgotten or shortened meanwhile.
        ConfigurationError: its entries do not make up a valid session.
    """
    async for one in read_entries(store, stream, until):
        entry = read_log_entry(one)
        before, session = session, advance_session(session, entry)
        yield before, entry, session


async def log_beginning(store: JournalStore, key: StreamKey) -> tuple[StreamInfo, Session]:
    """A session's stream, and the session before the first entry that is left.

    Raises:
        StoreError: it cannot be read.
    """
    stream = (await store.read(key, -1, 1)).stream
    return stream, await _base(store, stream) if stream.base else Session()


async def _base(store: JournalStore, stream: StreamInfo) -> Session:
    """The session after the entries that were removed from the front, as the `SessionBase` behind them holds it.

    Raises:
        StoreError: the entry does not exist.
    """
    after, head = stream.base, stream.head
    while after < head:
        found = await store.read(stream.key, after)
        for one in found.entries:
            entry = read_log_entry(one) if '"session_base"' in one.content else None
            if isinstance(entry, SessionBase) and entry.through == stream.base:
                return session_from(entry, stream.base)
        if not found.entries:
            break
        after = found.entries[-1].sequence
    raise StoreError(
        f"The front of the session {stream.key.id!r:.100} was removed, and nothing tells what it amounted to.",
        guidance="Only Sessions(store).trim leaves a session that can be read. Forget this one.",
    )
