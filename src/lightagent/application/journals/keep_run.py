"""Keeps one run in a stream of its own, its events written ahead of its effects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from lightagent.application.journals.event_codec import event_to_dict
from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.journals.journal import format_version
from lightagent.domain.errors import ConfigurationError, StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.runs.events import Event, RunFinished
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

KIND: Final = "run"
"""The kind of the streams that hold runs."""


def run_key(run_id: str, scope: Scope) -> StreamKey:
    """The stream of a run; its owner is part of the key."""
    return StreamKey(Scope(scope.tenant, scope.user), KIND, run_id)


def drafts_of(events: Sequence[Event]) -> list[Draft]:
    """Events as entries of a stream."""
    schema = format_version(events)
    return [Draft(json.dumps(event_to_dict(event), separators=(",", ":")), schema) for event in events]


async def append_owned(
    store: JournalStore,
    key: StreamKey,
    drafts: Sequence[Draft],
    *,
    expected: int,
    at: float,
    labels: Mapping[str, str],
    token: int | None,
) -> float:
    """Append to a stream under its lease. Gives the time at which a stream that was new before has begun.

    An append that was cancelled, or whose answer was lost, may have got in. No other process appends under it, so
    entries that are there already and are the same were written by it, and only the rest is appended.

    Raises:
        StoreError: it could not be written; `Fenced`: somebody else has the lease.
    """
    try:
        await store.append(key, drafts, expected=expected, at=at, labels=labels, token=token)
    except StreamConflict:
        found = await store.read(key, expected)
        there = [entry.content for entry in found.entries]
        if not there or there != [draft.content for draft in drafts[: len(there)]]:
            raise
    else:
        return at
    if rest := drafts[len(there) :]:
        await append_owned(store, key, rest, expected=expected + len(there), at=at, labels=labels, token=token)
    return found.stream.created_at


class RunKeeper:
    """Keeps one run, new or resumed.

    Args:
        agent: its name, by which runs are found.
    """

    def __init__(self, store: JournalStore, run_id: str, scope: Scope, clock: Clock, agent: str) -> None:
        self._store = store
        self._key = run_key(run_id, scope)
        self._clock = clock
        self._agent = agent
        self._lease = HeldLease(store, self._key, f"run {run_id}")
        self._kept = 0  # events that are written
        self._opened = False

    async def open(self, events: list[Event], known: int) -> None:
        """Take the lease of the run.

        Raises:
            LeaseHeld: another process goes on with it.
            ConfigurationError: the store holds other events than the journal that is resumed.
        """
        await self._lease.acquire(wait=0.0)
        head = (await self._store.read(self._key, -1, limit=1)).stream.head
        if head != known:
            raise ConfigurationError(
                f"The store holds {head} events of the run {self._key.id!r:.100}, the journal {known}.",
                guidance="Resume what the store holds: await Runs(store).journal(run_id).",
            )
        self._kept, self._opened = known, True

    async def write(self, events: Sequence[Event]) -> None:
        """Put on record what has happened so far.

        Raises:
            StoreError: it could not be written; `Fenced`: somebody else has taken the run over.
        """
        if len(events) > self._kept and self._opened:
            await self._write(events)

    async def _write(self, events: Sequence[Event]) -> None:
        new = events[self._kept :]
        await append_owned(
            self._store,
            self._key,
            drafts_of(new),
            expected=self._kept,
            at=self._clock.now(),
            labels={"status": _status(events), "agent": self._agent},
            token=self._lease.token,
        )
        self._kept += len(new)

    async def close(self, events: Sequence[Event]) -> None:
        """Write the rest, and release the lease."""
        try:
            await self.write(events)
        finally:
            await self._lease.release()


def _status(events: Sequence[Event]) -> str:
    last = events[-1]
    return last.outcome.kind if isinstance(last, RunFinished) else "running"
