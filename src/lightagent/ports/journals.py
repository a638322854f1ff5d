"""The port to durable storage: journals of runs, sessions, reviews and flows, each a stream of one store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.journals.streams import Draft, Entry, Lease, Slice, StoreNote, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope


@runtime_checkable
class JournalStore(Protocol):
    """Stores streams of entries. An append is durable once it returns.

    One object serves any number of tasks, threads and event loops. Its errors are `StoreError`s.
    """

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        """Append all entries or none, and return the sequence of the last one.

        Args:
            expected: the sequence of the last entry so far; 0 for a stream that does not exist.
            at: the time to store, in seconds since 1970.
            labels: the whole new set; None leaves them unchanged.
            token: the token of the lease. Without it an append fails while the lease is held.
            seal: the seal of the stream, if a sealing store wraps this one.
            replacing: the seal that the stream bears so far; None for any. The same end alone does not tell a stream
                from one that was pruned meanwhile, or forgotten and begun again.

        Raises:
            StreamConflict: the stream ends elsewhere, or bears another seal.
            Fenced: the lease was lost, or another writer holds one.
            ConfigurationError: content, a time or a number that cannot be kept; see `check_written`.
        """
        ...

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        """Return the entries that follow `after`, at most `limit`. A stream that does not exist is empty.

        Args:
            after: a sequence; a negative number selects that many of the last entries.
            wait: seconds to wait for an entry if there is none yet.

        Raises:
            DamagedStream: what is stored is not what was written.
        """
        ...

    async def list(self, query: StreamQuery) -> StreamPage:
        """Return a page of the matching streams, newest first. The pages are complete unless one says otherwise."""
        ...

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        """Become the only writer of the stream; with `token` renew the lease, with 0 seconds release it.

        Raises:
            LeaseHeld: another writer holds it.
            Fenced: the lease that was to be renewed or released was lost.
        """
        ...

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        """Remove a stream, or all streams of a tenant, a user or a session; returns how many streams were removed.

        Args:
            before: remove only the entries of the stream with a lower sequence; then returns how many entries.
            expected: remove the stream, or its front, only if this is its last entry.
            seal: of the stream, with `before`: kept where entries were removed, in the same transaction; None leaves
                it as it is.
            replacing: remove only if this is the current seal of the stream.

        Raises:
            StreamConflict: it is not.
            ConfigurationError: the scope is empty, or one of the others is given with a scope.
        """
        ...

    async def aclose(self) -> None:
        """Close all resources; a later call opens them again."""
        ...


@runtime_checkable
class ListedStore(Protocol):
    """A store that knows of streams beyond its own listing, such as one whose heads are stored elsewhere."""

    def all_streams(self) -> AsyncIterator[StreamKey | str]:
        """Yield the key of every stream that exists or should exist, unchecked; a text for an unreadable key."""
        ...


@runtime_checkable
class CodedStore(Protocol):
    """A store that wraps another one, and stores the content of entries in another form, such as encrypted."""

    @property
    def wrapped(self) -> JournalStore:
        """The wrapped store, which returns content in its stored form."""
        ...

    async def decoded(self, key: StreamKey, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Decode entries of the wrapped store.

        Raises:
            TamperedStream: one was changed or moved, or was never encoded.
            ContentKeyError: the key of one is missing.
        """
        ...


@runtime_checkable
class ExaminedStore(Protocol):
    """A store that can report on its own condition."""

    async def examine(self) -> Sequence[StoreNote]:
        """Return what an operator should know about its current condition, without changing anything.

        Raises:
            StoreError: it cannot be read.
        """
        ...
