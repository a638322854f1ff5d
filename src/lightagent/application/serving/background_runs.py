"""What is kept of a run that outlives its connection, besides its journal: all that is needed to go on with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lightagent.application.entry_codec import EntryCodec
from lightagent.application.read_streams import list_streams, read_each
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.repeated_requests import RequestName
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.journal_streams import StreamKey, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "background_run"
"""The kind of the streams that hold them. Each entry is the whole record; the last one holds."""

BackgroundStatus: TypeAlias = Literal["open", "ended", "failed"]
"""How far such a run is: it goes on or will; its journal has its end; or it cannot go on, and never had one."""


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """One answer whose run goes on in the background.

    Attributes:
        response_id: of the answer; one run may have several.
        run_id: of the run.
        model: as the client named it.
        caller: who asked, for the dependencies of tools.
        created: seconds since 1970.
        previous: the answer that the conversation went on from; empty where it began.
        metadata: of the client.
        functions: those of the client, as it declared them.
        results: what they gave, by the ids of their calls within the run.
        name: of the request, where it may come again.
        status: how far it is.
        error: why it cannot go on.
    """

    response_id: str
    run_id: str
    model: str
    caller: Caller
    created: int
    previous: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[JsonObject, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    name: RequestName | None = None
    status: BackgroundStatus = "open"
    error: LightAgentErrorInfo | None = None

    @property
    def owner(self) -> Scope:
        """Whose run it is."""
        return self.caller.owner


class BackgroundRecords:
    """The records in a store, of all owners.

    Args:
        clock: tells the seconds since 1970.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def add(self, record: BackgroundRun) -> None:
        """Keep a new one.

        Raises:
            StoreError: the store cannot be written.
        """
        await self._write(record, expected=0)

    async def find(self, response_id: str, owner: Scope) -> BackgroundRun | None:
        """The one of this answer; None where it is no answer in the background of this owner's.

        Raises:
            StoreError: the store cannot be read.
        """
        return (await self._read(StreamKey(Scope(owner.tenant, owner.user), KIND, response_id)))[0]

    async def named(self, name: RequestName) -> BackgroundRun | None:
        """The one that a request of this name has begun.

        Raises:
            StoreError: the store cannot be read.
        """
        async for stream in list_streams(self._store, StreamQuery(kind=KIND, labels={"request": name.key})):
            return (await self._read(stream.key))[0]
        return None

    async def open(self) -> AsyncIterator[BackgroundRun]:
        """All that go on or will, the newest first.

        Raises:
            StoreError: the store cannot be read.
        """

        async def read(key: StreamKey) -> BackgroundRun | None:
            return (await self._read(key))[0]

        async for one in read_each(self._store, StreamQuery(kind=KIND, labels={"status": "open"}), read, "Background"):
            yield one

    async def close(self, record: BackgroundRun, error: LightAgentErrorInfo | None = None) -> None:
        """It goes on no more.

        Args:
            error: why it cannot; None where its journal tells its end.

        Raises:
            StoreError: the store cannot be written.
        """
        known, head = await self._read(self._key(record))
        if known is not None and (known.status == "open" or (error is None and known.status != "ended")):
            status: BackgroundStatus = "ended" if error is None else "failed"
            told = None if error is None else replace(error, details=None)
            await self._write(replace(known, status=status, error=told), expected=head)

    async def forget(self, run_id: str, owner: Scope) -> None:
        """Remove those of all answers of a run.

        Raises:
            StoreError: the store cannot be written.
        """
        query = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user, labels={"run": run_id})
        for key in [stream.key async for stream in list_streams(self._store, query)]:
            await self._store.forget(key)

    async def _read(self, key: StreamKey) -> tuple[BackgroundRun | None, int]:
        found = await self._store.read(key, -1)
        return (_CODEC.read(found.entries[-1]) if found.entries else None), found.stream.head

    async def _write(self, record: BackgroundRun, *, expected: int) -> None:
        labels = {"status": record.status, "run": record.run_id}
        if record.name is not None:
            labels["request"] = record.name.key
        draft = _CODEC.draft(record)
        await self._store.append(self._key(record), [draft], expected=expected, at=self._clock(), labels=labels)

    def _key(self, record: BackgroundRun) -> StreamKey:
        return StreamKey(Scope(record.caller.tenant, record.caller.user), KIND, record.response_id)


@cache
def _adapter() -> TypeAdapter[BackgroundRun]:
    from pydantic import TypeAdapter

    return TypeAdapter(BackgroundRun)


_CODEC: Final = EntryCodec[BackgroundRun]("Background", _adapter)
