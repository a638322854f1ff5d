"""A journal store whose content is encoded, such as encrypted, over one that keeps what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lightagent.domain.journals.input_checks import check_written
from lightagent.domain.journals.streams import Draft, Entry, Lease, Slice, StoreNote, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.content_codec import ContentCodec
from lightagent.ports.journals import CodedStore, ExaminedStore, JournalStore

_STREAMS: Final = 10_000
"""The most streams that are remembered as readable with the keys of this store."""


class EncryptedJournalStore(JournalStore, CodedStore, ExaminedStore):
    """Encrypts the content of entries, and nothing else: names, labels, times, sizes and seals stay in the clear.

    It stands before a `SealedJournalStore`, so that what is sealed is the ciphertext: the seals are verified without
    the key of the content.

    Args:
        store: keeps the streams; it has to be empty or encrypted by this codec. See `copy_journals` for another.
        codec: such as `AesGcmCodec`.
    """

    def __init__(self, store: JournalStore, codec: ContentCodec) -> None:
        self._store, self._codec = store, codec
        self._readable = dict[StreamKey, None]()

    @property
    def wrapped(self) -> JournalStore:
        return self._store

    async def decoded(self, key: StreamKey, entries: Sequence[Entry]) -> Sequence[Entry]:
        return await self._codec.decode(key, entries)

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
        check_written(drafts, labels, expected, at, token, seal)
        if expected > 0 and key not in self._readable:
            # An append with a wrong key would make the stream unreadable for everyone.
            await self._decoded(key, (await self._store.read(key, -1, 1)).entries)
        encoded = await self._codec.encode(key, expected + 1, drafts)
        last = await self._store.append(
            key, encoded, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        self._note(key)
        return last

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        found = await self._store.read(key, after, limit, wait)
        return replace(found, entries=tuple(await self._decoded(key, found.entries)))

    async def _decoded(self, key: StreamKey, entries: Sequence[Entry]) -> Sequence[Entry]:
        decoded = await self._codec.decode(key, entries)
        if decoded:
            self._note(key)
        return decoded

    def _note(self, key: StreamKey) -> None:
        """Remember that the stream can be read with the keys of this store."""
        self._readable[key] = None
        if len(self._readable) > _STREAMS:
            self._readable.clear()

    async def list(self, query: StreamQuery) -> StreamPage:
        return await self._store.list(query)

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        return await self._store.lease(key, holder, seconds, token)

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        return await self._store.forget(what, before=before, expected=expected, seal=seal, replacing=replacing)

    async def examine(self) -> Sequence[StoreNote]:
        return await self._store.examine() if isinstance(self._store, ExaminedStore) else ()

    async def aclose(self) -> None:
        await self._store.aclose()
