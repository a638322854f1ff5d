"""API keys of a server's clients, in a store: create, list, revoke and look up."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import list_streams, read_each
from lightagent.application.serving.callers import Caller
from lightagent.domain.errors import ConfigurationError, StoreError, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.scopes import NO_SCOPE
from lightagent.domain.serving_keys import AccessKey, digest_of, id_in, written_key
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "access_key"
"""The kind of the streams that hold keys. Each entry is a whole record; the last one counts."""

KNOWN_SECONDS: Final = 5.0
"""How long a key is cached. A revocation by another process takes effect after at most this time."""

USE_SECONDS: Final = 3600.0
"""Uses within this time are recorded once."""

MOST_SECONDS: Final = 100 * 366 * 86_400.0
"""The longest validity of a key that expires."""

_MOST_KNOWN: Final = 1000


class AccessKeys:
    """The keys in a store, for all tenants.

    Args:
        clock: returns the seconds since 1970.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[AccessKey, float]] = {}
        self._exist: tuple[bool, float] = False, float("-inf")

    async def create(
        self,
        name: str = "",
        *,
        tenant: str = "",
        user: str = "",
        roles: Sequence[str] = (),
        agents: Sequence[str] | None = None,
        delegating: bool = False,
        expires_in: float | None = None,
    ) -> tuple[str, AccessKey]:
        """Create a key and return it with its record. The key itself is not stored and cannot be recovered.

        Args:
            expires_in: seconds until it expires; None: never.

        Raises:
            ConfigurationError: the key would never be valid.
            StoreError: the store cannot be written.
        """
        if expires_in is not None and not 0 < expires_in <= MOST_SECONDS:
            raise ConfigurationError(
                "The validity of a key must be above 0 seconds and at most a hundred years.",
                guidance="Leave it out for a key that is valid until it is revoked.",
            )
        if agents is not None and not all(agents):
            raise ConfigurationError(
                "The name of an agent must not be empty.", guidance="Give the name of a model that is served."
            )
        now, key_id = self._clock(), secrets.token_hex(8)
        key = written_key(key_id, secrets.token_urlsafe(32))
        record = AccessKey(
            key_id,
            digest_of(key),
            name,
            tenant,
            user,
            tuple(roles),
            None if agents is None else tuple(agents),
            delegating,
            now,
            None if expires_in is None else now + expires_in,
        )
        await self._write(record, expected=0)
        return key, record

    async def list(self, tenant: str | None = None) -> AsyncIterator[AccessKey]:
        """Yield the keys, newest first.

        Args:
            tenant: return only the keys of this tenant.

        Raises:
            IncompleteListing: raised after all readable keys if some cannot be read.
            StoreError: the store cannot be read.
        """
        labels = {} if tenant is None else {"tenant": tenant}

        async def read(key: StreamKey) -> AccessKey | None:
            return (await self._read(key.id))[0]

        async for one in read_each(self._store, StreamQuery(kind=KIND, labels=labels), read, "Key"):
            yield one

    async def revoke(self, key_id: str) -> AccessKey:
        """Revoke a key; other processes notice within `KNOWN_SECONDS`.

        Raises:
            ConfigurationError: the key does not exist.
            StoreError: the store cannot be written.
        """
        while True:
            record, head = await self._read(key_id)
            if record is None:
                raise ConfigurationError(
                    f"The key {key_id!r:.100} does not exist.", guidance="List the keys with `lightagent keys list`."
                )
            if record.revoked_at is not None:
                return record
            with suppress(StreamConflict):
                revoked = replace(record, revoked_at=self._clock())
                await self._write(revoked, expected=head)
                self._known.pop(key_id, None)
                return revoked

    async def exist(self) -> bool:
        """Whether there are any keys, so that requests must bring one. Once true, it stays true.

        Raises:
            StoreError: the store cannot be read.
        """
        found, asked_at = self._exist
        now = self._clock()
        if not found and now - asked_at >= KNOWN_SECONDS:
            found = False
            async for _ in list_streams(self._store, StreamQuery(kind=KIND, limit=1)):
                found = True
                break
            self._exist = found, now
        return found

    async def caller(self, key: str) -> Caller | None:
        """Return the caller with this key; None if the key is unknown, expired or revoked.

        Raises:
            StoreError: the store cannot be read.
        """
        record = await self._find(id_in(key))
        if record is None or not record.fits(key) or record.status(self._clock()) != "active":
            return None
        await self._note_use(record)
        return Caller(record.key_id, record.tenant, record.user, record.roles, record.agents, record.delegating)

    async def _find(self, key_id: str) -> AccessKey | None:
        if not key_id:
            return None
        now = self._clock()
        known = self._known.get(key_id)
        if known is not None and now - known[1] < KNOWN_SECONDS:
            return known[0]
        record, _ = await self._read(key_id)
        self._known.pop(key_id, None)
        if record is not None:
            self._known[key_id] = record, now
            for oldest in [*self._known][:-_MOST_KNOWN]:
                del self._known[oldest]
        return record

    async def _note_use(self, record: AccessKey) -> None:
        now = self._clock()
        if record.last_used_at is not None and now - record.last_used_at < USE_SECONDS:
            return
        with suppress(StoreError):  # A key stays valid even if its use cannot be written.
            latest, head = await self._read(record.key_id)
            if latest is not None and latest.revoked_at is None:
                used = replace(latest, last_used_at=now)
                await self._write(used, expected=head)
                self._known[record.key_id] = used, now

    async def _read(self, key_id: str) -> tuple[AccessKey | None, int]:
        found = await self._store.read(StreamKey(NO_SCOPE, KIND, key_id), -1)
        return (_CODEC.read(found.entries[-1]) if found.entries else None), found.stream.head

    async def _write(self, record: AccessKey, *, expected: int) -> None:
        key = StreamKey(NO_SCOPE, KIND, record.key_id)
        labels = {"tenant": record.tenant}
        await self._store.append(key, [_CODEC.draft(record)], expected=expected, at=self._clock(), labels=labels)


@cache
def _adapter() -> TypeAdapter[AccessKey]:
    from pydantic import TypeAdapter

    return TypeAdapter(AccessKey)


_CODEC: Final = EntryCodec[AccessKey]("Key", _adapter)
