"""The record of a run that outlives its connection: what, besides its journal, is needed to continue the run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import list_streams, read_each
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.idempotency import RequestName
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "background_run"
"""The kind of the streams that hold the records. Each entry is a whole record; the last one counts."""

BackgroundStatus: TypeAlias = Literal["open", "ended", "failed"]
"""The state of such a run: running or waiting to run; ended in its journal; or unable to continue and never started."""


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """One answer whose run continues in the background.

    Attributes:
        response_id: the id of the answer; one run may have several answers.
        run_id: the id of the run.
        model: the model as the client named it.
        caller: who sent the request, for the dependencies of tools.
        created: the time of creation, in seconds since 1970.
        previous: the id of the answer that this one continues; empty for a new conversation.
        metadata: the client's metadata.
        functions: the client's functions, as it declared them.
        results: the results of those functions, by the ids of their calls within the run.
        name: the idempotency name of the request, if it has one.
        status: the state of the run.
        error: why the run cannot continue.
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
        """The scope that owns the run."""
        return self.caller.owner


class BackgroundRecords:
    """The records of background runs in a store, for all owners.

    Args:
        clock: returns the seconds since 1970.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def add(self, record: BackgroundRun) -> None:
        """Store a new record.

        Raises:
            StoreError: the store cannot be written.
        """
        await self._write(record, expected=0)

    async def find(self, response_id: str, owner: Scope) -> BackgroundRun | None:
        """Return the record of this answer, or None if this owner has no such background answer.

        Raises:
            StoreError: the store cannot be read.
        """
        return (await self._read(StreamKey(Scope(owner.tenant, owner.user), KIND, response_id)))[0]

    async def named(self, name: RequestName) -> BackgroundRun | None:
        """Return the record that a request with this name created, or None.

        Raises:
            StoreError: the store cannot be read.
        """
        async for stream in list_streams(self._store, StreamQuery(kind=KIND, labels={"request": name.key})):
            return (await self._read(stream.key))[0]
        return None

    async def open(self) -> AsyncIterator[BackgroundRun]:
        """Yield the records of all open runs, newest first.

        Raises:
            StoreError: the store cannot be read.
        """

        async def read(key: StreamKey) -> BackgroundRun | None:
            return (await self._read(key))[0]

        async for one in read_each(self._store, StreamQuery(kind=KIND, labels={"status": "open"}), read, "Background"):
            yield one

    async def close(self, record: BackgroundRun, error: LightAgentErrorInfo | None = None) -> None:
        """Close the record: its run ended, or cannot continue.

        Args:
            error: why the run cannot continue; None if its journal has its end.

        Raises:
            StoreError: the store cannot be written.
        """
        known, head = await self._read(self._key(record))
        if known is not None and (known.status == "open" or (error is None and known.status != "ended")):
            status: BackgroundStatus = "ended" if error is None else "failed"
            told = None if error is None else replace(error, details=None)
            await self._write(replace(known, status=status, error=told), expected=head)

    async def forget(self, run_id: str, owner: Scope) -> None:
        """Delete the records of all answers of a run.

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
