"""The port to what must survive: journals of runs, sessions, reviews and flows, each a stream of one store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.journal_streams import Draft, Entry, Lease, Slice, StoreNote, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope


@runtime_checkable
class JournalStore(Protocol):
    """Keeps streams of entries. What an append has acknowledged survives the process.

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
            at: the time to be kept, in seconds since 1970.
            labels: the whole new set; None leaves them as they are.
            token: of the lease. Without one an append fails while the lease is held.
            seal: of the stream, where a sealing store stands before this one.
            replacing: the seal that the stream bears so far; None for any. The same end alone does not tell a stream
                from one that was pruned meanwhile, or forgotten and begun again.

        Raises:
            StreamConflict: the stream ends elsewhere, or bears another seal.
            Fenced: the lease was lost, or another writer holds one.
            ConfigurationError: content, a time or a number that cannot be kept; see `check_written`.
        """
        ...

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        """The entries that follow `after`, at most `limit`. A stream that does not exist is empty.

        Args:
            after: a sequence; below 0 the last entries, as many as that.
            wait: seconds to wait for an entry if there is none yet.

        Raises:
            DamagedStream: what is stored is not what was written.
        """
        ...

    async def list(self, query: StreamQuery) -> StreamPage:
        """The streams that match, newest first; always all of them, page by page, or the page says that it is not."""
        ...

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        """Become the only one who may append to the stream; with `token` renew the lease, with 0 seconds release it.

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
        """Remove a stream, or all streams of a tenant, a user or a session; how many streams were removed.

        Args:
            before: remove only the entries of the stream with a lower sequence; how many entries were removed.
            expected: remove the stream, or its front, only if this is its last entry.
            seal: of the stream, with `before`: kept where entries were removed, in the same transaction; None leaves
                it as it is.
            replacing: do so only if this is the seal that the stream bears.

        Raises:
            StreamConflict: it is not.
            ConfigurationError: the scope is empty, or one of the others is given with a scope.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open; a later call opens it again."""
        ...


@runtime_checkable
class ListedStore(Protocol):
    """A store that knows of streams beyond its own listing, such as one whose heads are kept elsewhere."""

    def all_streams(self) -> AsyncIterator[StreamKey | str]:
        """Every stream that is there or should be, unchecked; a text for one whose key cannot be read."""
        ...


@runtime_checkable
class CodedStore(Protocol):
    """A store that keeps the content of entries in another form, such as encrypted, in the store behind it."""

    @property
    def kept(self) -> JournalStore:
        """The store behind it, which gives content as it is kept."""
        ...

    async def decoded(self, key: StreamKey, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Entries of the store behind it, as they were written.

        Raises:
            TamperedStream: one was changed or moved, or was never encoded.
            ContentKeyError: the key of one is missing.
        """
        ...


@runtime_checkable
class ExaminedStore(Protocol):
    """A store that can report on its own condition."""

    async def examine(self) -> Sequence[StoreNote]:
        """What an operator should know of it now. It changes nothing that is kept.

        Raises:
            StoreError: it cannot be read.
        """
        ...
