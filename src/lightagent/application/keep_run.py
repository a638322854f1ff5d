"""Keeps one run in a stream of its own, its events written ahead of its effects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.event_codec import event_to_dict
from lightagent.application.hold_lease import HeldLease
from lightagent.application.journal import format_version
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Event, RunFinished
from lightagent.domain.journal_streams import Draft, StreamKey
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
        """Take the run.

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
            await to_the_end(self._write(events))

    async def _write(self, events: Sequence[Event]) -> None:
        await self._store.append(
            self._key,
            drafts_of(events[self._kept :]),
            expected=self._kept,
            at=self._clock.now(),
            labels={"status": _status(events), "agent": self._agent},
            token=self._lease.token,
        )
        self._kept = len(events)

    async def close(self, events: Sequence[Event]) -> None:
        """Put the rest on record, and let others go on with the run."""
        try:
            await self.write(events)
        finally:
            await self._lease.release()


def _status(events: Sequence[Event]) -> str:
    last = events[-1]
    return last.outcome.kind if isinstance(last, RunFinished) else "running"
