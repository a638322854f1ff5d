"""Stored runs for their owner: a listing, the status of each, and its journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.application.check_options import check_text
from lightagent.application.journals.event_codec import event_from_dict
from lightagent.application.journals.journal import Journal, require_owner
from lightagent.application.journals.keep_run import KIND, run_key
from lightagent.application.journals.read_streams import list_streams, read_entry, status_of
from lightagent.application.journals.spilled_results import forget_spilled
from lightagent.application.reviews.streams import forget_reviews
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import StreamInfo, StreamKey, StreamQuery
from lightagent.domain.outcomes import RunStatus
from lightagent.domain.runs.events import Event
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

StoredRunStatus: TypeAlias = RunStatus | Literal["running", "interrupted"]
"""The end of a stored run, or that it goes on or its process is gone."""

STATUSES: Final[tuple[StoredRunStatus, ...]] = (
    "running",
    "interrupted",
    "suspended",
    "completed",
    "failed",
    "blocked",
    "budget_exhausted",
    "cancelled",
)
"""The possible statuses of a stored run."""

_BY_NAME: Final[dict[str, StoredRunStatus]] = {status: status for status in STATUSES}


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The description of a stored run that is known without reading it.

    Attributes:
        status: `running`; `interrupted`, if the process that ran it is gone; `suspended`, while it waits for a
            human; or how it ended: `completed`, `failed`, `blocked`, `budget_exhausted`, `cancelled`.
        events: how many are kept.
        size: bytes that they take.
        created_at, updated_at: seconds since 1970 in UTC.
    """

    run_id: str
    user_id: str
    agent: str
    status: StoredRunStatus
    events: int
    size: int
    created_at: float
    updated_at: float

    @property
    def resumable(self) -> bool:
        """Whether `agent.resume` can continue it now."""
        return self.status in ("interrupted", "suspended")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A stored run as of one moment: its status, and its journal, for `agent.resume` and `agent.replay`."""

    info: RunInfo
    journal: Journal


class Runs:
    """The runs of one tenant in a store that were given it as `journal=`. Every method is about one user's.

    Ids are text; anything else raises a `ConfigurationError`.

    Args:
        tenant: whose runs these are: what they were given as `tenant=`; empty for those without one.

    Raises:
        ConfigurationError: the tenant is not text.
    """

    def __init__(self, store: JournalStore, *, tenant: str = "") -> None:
        check_text(tenant, "tenant")
        self._store = store
        self._tenant = tenant

    async def status(self, run_id: str, user_id: str = "") -> RunInfo | None:
        """The status of a run; None if the run does not exist.

        Raises:
            StoreError: the store cannot be read.
        """
        stream = (await self._store.read(self._key(run_id, user_id), -1, limit=1)).stream
        return _info(stream) if stream.head else None

    async def find(self, run_id: str, user_id: str = "") -> StoredRun | None:
        """A run with its status and its journal; None if the run does not exist.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
            ConfigurationError: its events do not make up a valid run, or one of another owner.
        """
        key, events = self._key(run_id, user_id), list[Event]()
        while True:
            found = await self._store.read(key, len(events))
            for entry in found.entries:
                at = f"entry {entry.sequence}"
                events.append(event_from_dict(read_entry(entry, f"Run: {at}"), at))
            if len(events) >= found.stream.head:
                break
        if not events:
            return None
        journal = Journal(tuple(events), self._store)
        _ = journal.run  # Raises if the events do not form a possible run.
        require_owner(journal, key.owner)
        return StoredRun(_info(found.stream), journal)

    async def journal(self, run_id: str, user_id: str = "") -> Journal | None:
        """Its journal, for `agent.resume` and `agent.replay`; None if the run does not exist.

        Raises:
            StoreError: the store cannot be read, or what it holds was damaged.
            ConfigurationError: its events do not make up a valid run, or one of another owner.
        """
        found = await self.find(run_id, user_id)
        return None if found is None else found.journal

    async def forget(self, run_id: str, user_id: str = "") -> bool:
        """Remove a run, its reviews, and results of tools that were put aside in it. Returns whether there was one.

        Raises:
            StoreError: the store cannot be written.
        """
        key = self._key(run_id, user_id)
        await forget_spilled(self._store, key.owner, run_id=run_id)
        await forget_reviews(self._store, key.owner, run_id=run_id)
        return await self._store.forget(key) > 0

    async def list(self, user_id: str = "", *, status: StoredRunStatus | None = None) -> AsyncIterator[RunInfo]:
        """A user's runs, the newest first.

        Args:
            status: only runs with this status.

        Raises:
            ConfigurationError: the status is unknown, or the user id is not text.
            IncompleteListing: after all that can be read, if something cannot; the listing up to there is right.
            StoreError: the store cannot be read.
        """
        check_text(user_id, "user_id")
        if status is not None:
            run_status(status)
        async for stream in list_streams(self._store, StreamQuery(kind=KIND, tenant=self._tenant, user=user_id)):
            info = _info(stream)
            if status is None or info.status == status:
                yield info

    def _key(self, run_id: str, user_id: str) -> StreamKey:
        check_text(run_id, "run_id")
        check_text(user_id, "user_id")
        return run_key(run_id, Scope(self._tenant, user_id))


def run_status(text: str) -> StoredRunStatus:
    """The status of this name.

    Raises:
        ConfigurationError: it is not a status.
    """
    if (status := _BY_NAME.get(text)) is None:
        known = ", ".join(STATUSES)
        raise ConfigurationError(f"No run has the status {text!r:.100}.", guidance=f"A run is one of: {known}.")
    return status


def _info(stream: StreamInfo) -> RunInfo:
    return RunInfo(
        stream.key.id,
        stream.key.owner.user,
        stream.labels.get("agent", ""),
        _BY_NAME.get(status_of(stream), "interrupted"),
        stream.head - stream.base,
        stream.size,
        stream.created_at,
        stream.updated_at,
    )
