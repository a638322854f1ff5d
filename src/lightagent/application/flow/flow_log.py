"""The log of a flow's run: a stream of its own, written under a lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from lightagent.application.flow.flow_codec import read_flow_event
from lightagent.application.flow.flow_drafts import later_drafts
from lightagent.application.flow.flow_inbox import HEARD, FlowInbox, read_position
from lightagent.application.flow.flow_values import FlowValues
from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.journals.keep_run import append_owned
from lightagent.application.journals.read_streams import read_entries
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, FlowStarted
from lightagent.domain.journals.streams import Draft, StreamInfo, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

KIND: Final = "flow"
"""The kind of the streams that hold runs of flows."""


def flow_key(run_id: str, owner: Scope) -> StreamKey:
    """The stream of a run; its owner is part of the key, so a run is found by its own owner only."""
    return StreamKey(Scope(owner.tenant, owner.user), KIND, run_id)


class FlowLog(Protocol):
    """Puts the events of one run on record."""

    async def append(self, events: Sequence[FlowEvent], status: str, heard: int | None = None) -> None:
        """Put all of these on record, or none; returns once they are durable.

        Args:
            status: of the run, with them.
            heard: the position up to which messages to the run are among them; None: no further than before.
        """
        ...


class StoredLog(FlowLog):
    """The stream of one run. Until it is closed, only this log can append to it."""

    def __init__(self, store: JournalStore, key: StreamKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._inbox = FlowInbox(store, key, clock)
        self._values = FlowValues(store, key, clock)
        self._lease = HeldLease(store, key, f"flow {key.id}")
        self._head = 0
        self._began = 0.0
        self._labels: dict[str, str] = {}

    async def open(self, wait: float = 0.0) -> list[FlowEvent]:
        """Take the lease, and return the events on record; none for a new run.

        Args:
            wait: seconds to wait for the process that has the run now.

        Raises:
            LeaseHeld: another process still has the run.
            StoreError: it cannot be read; `DamagedStream`: what is stored is not what was written.
            ConfigurationError: the stream does not hold events of a flow, or those of another owner's run.
        """
        await self._lease.acquire(wait)
        try:
            stream, events = await read_flow(self._store, self._key)
        except BaseException:
            await self._lease.release()
            raise
        self._head, self._labels, self._began = stream.head, dict(stream.labels), stream.created_at
        return events

    @property
    def key(self) -> StreamKey:
        """Names the run."""
        return self._key

    @property
    def began(self) -> float:
        """When the record began that was found as it was opened, in seconds of the clock; 0 where there was none."""
        return self._began

    async def unread(self) -> tuple[list[FlowEvent], int]:
        """The messages to the run that it has not read, and the position once those are appended.

        Raises:
            StoreError: it cannot be read.
        """
        return await self._inbox.unread(read_position(self._labels))

    async def append(self, events: Sequence[FlowEvent], status: str, heard: int | None = None) -> None:
        labels = self._labels
        if labels.get("status") != status:
            labels = {**labels, "status": status}
        if heard is not None:
            labels = {**labels, HEARD: str(heard)}
        if isinstance(events[0], FlowStarted):
            labels = {**labels, "flow": events[0].definition.name}
        drafts: Sequence[Draft] | None = later_drafts(events)
        if drafts is None:
            drafts = await self._values.drafts(events)
        await append_owned(
            self._store,
            self._key,
            drafts,
            expected=self._head,
            at=self._clock.now(),
            labels=labels,
            token=self._lease.token,
        )
        self._head += len(events)
        self._labels = labels

    async def close(self) -> None:
        """Give the run back; what has not been appended is not on record."""
        await self._lease.release()


async def read_flow(store: JournalStore, key: StreamKey) -> tuple[StreamInfo, list[FlowEvent]]:
    """The events of a run and the description of its stream; no events if the run does not exist.

    Raises:
        StoreError: it cannot be read.
        ConfigurationError: the stream does not hold events of a flow, or those of another owner's run.
    """
    stream = (await store.read(key, -1, limit=1)).stream
    values = FlowValues(store, key)
    events = [
        await values.whole(read_flow_event(entry), entry.content)
        async for entry in read_entries(store, stream, stream.head)
    ]
    started = events[0] if events else None
    if started is not None and (not isinstance(started, FlowStarted) or started.scope != key.owner):
        raise ConfigurationError(
            "What is stored here is not a run of a flow, or belongs to another tenant or user.",
            guidance="The store was changed: find out who writes to it, and restore a backup.",
        )
    return stream, events


def no_such_run(run_id: str) -> ConfigurationError:
    """The error for an id that this owner has no run of."""
    return ConfigurationError(
        f"No flow run {run_id!r:.100} is stored here.",
        guidance="Look at run_id, and pass the user_id= and tenant= that it was begun with.",
    )
