"""A journal store in memory: for tests, and for what need not survive the process."""

from __future__ import annotations

import itertools
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.journals._waiting import wait_for_entries
from lightagent.adapters.registry import Adapter
from lightagent.domain.journals.input_checks import (
    check_append_numbers,
    check_forgetting,
    check_numbers,
    check_query,
    check_reading,
    check_written,
    place_of,
)
from lightagent.domain.journals.lazy_drafts import LaterDrafts
from lightagent.domain.journals.streams import (
    NO_HOLD,
    Draft,
    Entry,
    Hold,
    Lease,
    Slice,
    StreamInfo,
    StreamKey,
    StreamPage,
    StreamQuery,
    belongs,
    check_append,
    check_end,
    check_lease,
)
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

_Later: TypeAlias = tuple[Sequence[Draft], Mapping[str, str] | None, float, str]
"""An append whose entries are built on first read: the entries, labels, the time and the seal."""


@dataclass(slots=True)
class _StoredStream:
    """One stream: its place in the order of creation, what is known of it, its entries and who holds it.

    Attributes:
        later: what was appended after `entries` and is not in `info`; see `settle`.
        head: the sequence of the last entry, with those.
    """

    place: int
    info: StreamInfo
    entries: list[Entry] = field(default_factory=list)
    hold: Hold = NO_HOLD
    later: list[_Later] = field(default_factory=list)
    head: int = 0

    def add(self, drafts: Sequence[Draft], labels: Mapping[str, str] | None, at: float, seal: str) -> int:
        """Append, and give the sequence of the last entry. Texts that are made later are made when they are read."""
        self.head += len(drafts)
        if not isinstance(drafts, LaterDrafts):
            self.settle()
            self._take(drafts, labels, at, seal)
        else:
            known = self.later[-1][1] if self.later else None
            kept = known if labels is None or known == labels else dict(labels)
            self.later.append((drafts, kept, at, seal))
        return self.head

    def settle(self) -> None:
        """Make the entries whose texts were to be made later."""
        later, self.later = self.later, []
        for one in later:
            self._take(*one)

    def _take(self, drafts: Sequence[Draft], labels: Mapping[str, str] | None, at: float, seal: str) -> None:
        head = self.info.head
        self.entries += [
            Entry(head + place, draft.content, draft.schema, draft.seal) for place, draft in enumerate(drafts, 1)
        ]
        self.info = self.info.after(drafts, labels, at, seal)


class MemoryJournalStore(JournalStore):
    """Keeps streams as long as the object lives.

    Args:
        clock: tells the seconds by which leases end.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[StreamKey, _StoredStream] = {}
        self._last: tuple[StreamKey | None, _StoredStream | None] = (
            None,
            None,
        )  # A run appends with one key again and again.
        self._places = itertools.count(1)
        self._tokens = itertools.count(1)

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
        if isinstance(drafts, LaterDrafts):
            check_append_numbers(len(drafts), labels, expected, at, token, seal)
        else:
            check_written(drafts, labels, expected, at, token, seal)
        with self._lock:
            last, kept = self._last
            if last is not key:
                kept = self._streams.get(key)
            if kept is None:
                check_append(StreamInfo(key), NO_HOLD, self._clock(), expected, token, replacing)
                kept = self._streams[key] = _StoredStream(next(self._places), StreamInfo(key))
            elif replacing is not None or kept.head != expected or token is None or token != kept.hold.token:
                kept.settle()
                check_append(kept.info, kept.hold, self._clock(), expected, token, replacing)
            self._last = key, kept
            return kept.add(drafts, labels, at, seal)

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_reading(after, limit)

        async def look() -> Slice:
            with self._lock:
                return self._slice(key, after, limit)

        return await wait_for_entries(look, wait)

    async def list(self, query: StreamQuery) -> StreamPage:
        check_query(query)
        before = place_of(query.cursor)
        with self._lock:
            for kept in self._streams.values():
                kept.settle()
            newest_first = sorted(self._streams.values(), key=lambda kept: kept.place, reverse=True)
            found = [
                (kept.place, self._stream_info(kept))
                for kept in newest_first
                if kept.info.head and (not before or kept.place < before) and query.matches(kept.info)
            ]
        more = len(found) > query.limit
        page = found[: query.limit]
        return StreamPage(tuple(info for _, info in page), str(page[-1][0]) if more else "")

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        check_numbers(token=token)
        with self._lock:
            kept, now = self._streams.get(key), self._clock()
            hold = NO_HOLD if kept is None else kept.hold
            check_lease(hold, now, seconds, token)
            if token is not None and seconds <= 0:
                if kept is not None:
                    kept.hold = NO_HOLD
                return Lease(token, 0.0)
            if kept is None:
                kept = self._streams[key] = _StoredStream(next(self._places), StreamInfo(key))
            given = next(self._tokens) if token is None else token
            kept.hold = Hold(given, holder, now + seconds)
            return Lease(given, seconds)

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        check_forgetting(what, before, expected, seal, replacing)
        with self._lock:
            self._last = None, None
            if isinstance(what, Scope):
                gone = [key for key in self._streams if belongs(key.owner, what)]
                return sum(self._streams.pop(key).head > 0 for key in gone)
            kept = self._streams.get(what)
            if kept is not None:
                kept.settle()
            check_end(StreamInfo(what) if kept is None else kept.info, expected, replacing)
            if kept is None:
                return 0
            if before is None:
                del self._streams[what]
                return int(kept.info.head > 0)
            return self._prune(kept, before, seal)

    async def aclose(self) -> None:
        """Nothing is open; what is kept stays."""

    def _slice(self, key: StreamKey, after: int, limit: int) -> Slice:
        kept = self._streams.get(key)
        if kept is None:
            return Slice(StreamInfo(key))
        kept.settle()
        base = kept.info.base
        if after < 0:
            after = max(kept.info.head + after, 0)
        start = bisect_right(kept.entries, after, key=lambda entry: entry.sequence) if after > base else 0
        return Slice(self._stream_info(kept), tuple(kept.entries[start : start + limit]))

    def _stream_info(self, kept: _StoredStream) -> StreamInfo:
        left = kept.hold.remaining(self._clock())
        return replace(
            kept.info, labels=dict(kept.info.labels), holder=kept.hold.holder if left else "", lease_left=left
        )

    def _prune(self, kept: _StoredStream, before: int, seal: str | None) -> int:
        gone = [entry for entry in kept.entries if entry.sequence < before]
        kept.entries = kept.entries[len(gone) :]
        size = kept.info.size - sum(len(entry.content.encode()) for entry in gone)
        if gone:
            seal = kept.info.seal if seal is None else seal
            kept.info = replace(kept.info, base=gone[-1].sequence, size=size, seal=seal)
        return len(gone)


class MemoryOptions(BaseModel):
    """It has none."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(MemoryOptions, lambda options: MemoryJournalStore())
