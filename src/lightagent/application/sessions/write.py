"""Writes to a session under its lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Self

from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.journals.keep_run import append_owned
from lightagent.application.sessions.codec import session_drafts
from lightagent.application.sessions.load import Known, load_session, remember_session
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.sessions.entries import LogEntry
from lightagent.domain.sessions.session import Session, advance_session
from lightagent.ports.journals import JournalStore

SESSION_WAIT: Final = 10.0
"""Seconds to wait for a turn of the session that is under way."""


class SessionWriter:
    """Holds the lease of a session from `open` to `close`. As an async context manager it closes itself.

    Args:
        holder: the name that is shown to other writers.
        now: tells the time, in seconds since 1970.

    Attributes:
        session: as of the last entry that was read or written.
    """

    def __init__(self, store: JournalStore, key: StreamKey, holder: str, now: Callable[[], float]) -> None:
        self._store = store
        self._key = key
        self._now = now
        self._lease = HeldLease(store, key, holder)
        self._known = Known()
        self._loaded = False
        self.session: Session = Session()

    async def open(self, wait: float) -> Session:
        """Take the lease, and read the session. Call `close` afterwards, also where this raises.

        Args:
            wait: seconds to wait for the present holder.

        Raises:
            LeaseHeld: it is still held by then.
            StoreError: it cannot be read.
        """
        await self._lease.acquire(wait)
        self._known = await load_session(self._store, self._key)
        self.session, self._loaded = self._known.session, True
        return self.session

    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Write entries, all or none.

        Raises:
            StoreError: they could not be written; `Fenced`: somebody else has taken the session over.
            ConfigurationError: they cannot follow here; nothing is written then.
        """
        session = self.session
        for entry in entries:
            session = advance_session(session, entry)
        expected, labels = self.session.head, {"status": status(session)}
        begun = await append_owned(
            self._store,
            self._key,
            session_drafts(entries),
            expected=expected,
            at=self._now(),
            labels=labels,
            token=self._lease.token,
        )
        self.session = session
        if not expected:
            self._known = replace(self._known, born=begun)

    async def remove_front(self, through: int) -> int:
        """Remove the entries up to `through`, which a `SessionBase` stands for; how many there were.

        Raises:
            StoreError: they cannot be removed.
        """
        gone = await self._store.forget(self._key, before=through + 1, expected=self.session.head)
        self._loaded = False  # What this process knows of it begins too early.
        return gone

    async def close(self) -> None:
        """Remember the session in this process, and release the lease."""
        if self._loaded:
            remember_session(self._store, self._key, replace(self._known, session=self.session))
        await self._lease.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def status(session: Session) -> str:
    """What a session is listed as."""
    if session.waits:
        return "waiting"
    return "idle" if session.run is None else "running"
