"""Candidates for memories, each a stream of a journal store: proposed, listed and decided about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import all_entries, list_streams, read_each
from lightagent.domain.errors import ConfigurationError, IncompleteListing, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.memory.candidates import CandidateEntry, CandidateProposed, CandidateState, advance_candidate
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "memory_candidate"
"""The kind of the streams that hold candidates for memories."""

_ID: Final = "candidate"
"""The label that repeats the id, since stores have an index of labels and none of ids alone."""


class MemoryCandidates:
    """The candidates of one agent in a store, or of all agents.

    Args:
        store: where they are kept.
        clock: the time of entries.
        agent: the name of the agent; None for those of all agents, which can only be read.
        namespace: of its memory policy; None for any.
    """

    def __init__(self, store: JournalStore, clock: Clock, agent: str | None, namespace: str | None) -> None:
        self._store = store
        self._clock = clock
        named = {"agent": agent, "namespace": namespace}
        self._labels = {name: value for name, value in named.items() if value is not None}

    async def propose(self, scope: Scope, proposed: CandidateProposed) -> CandidateState:
        """Put a candidate on record; a candidate that is there already stays unchanged.

        Raises:
            StoreError: the store cannot be written.
        """
        key = _key(scope, proposed.candidate.candidate_id)
        kept = CandidateProposed(proposed.candidate, proposed.owner, proposed.said, self._clock.now())
        try:
            await self._append(key, kept, 0, "candidate")
        except StreamConflict:
            known, _ = await self._read(key)
            if known is not None:
                return known
            raise
        return advance_candidate(None, kept)

    async def list(self, user_id: str | None = None, tenant: str = "") -> AsyncIterator[CandidateState]:
        """The candidates of a tenant, the oldest first.

        Args:
            user_id: from whose runs; None for all users of the tenant.

        Raises:
            IncompleteListing: after all that can be read, if something cannot.
            StoreError: the store cannot be read.
        """
        query = StreamQuery(kind=KIND, tenant=tenant, user=user_id, labels=self._labels)
        found = list[CandidateState]()
        incomplete: IncompleteListing | None = None
        try:
            async for state in read_each(self._store, query, self._state, "Candidate"):
                found.append(state)
        except IncompleteListing as error:
            incomplete = error
        for state in reversed(found):
            yield state
        if incomplete is not None:
            raise incomplete

    async def find(
        self, candidate_id: str, tenant: str = "", user_id: str | None = None
    ) -> tuple[Scope, CandidateState]:
        """A candidate of a tenant, and its owner.

        Raises:
            ConfigurationError: no candidate has this id, or the stored candidate was changed.
            StoreError: the store cannot be read.
        """
        found = await self.look_up(candidate_id, tenant, user_id)
        if found is not None:
            return found
        raise ConfigurationError(
            f"No memory candidate {candidate_id!r:.100} is stored here.",
            guidance="See agent.list_memory_candidates(). They are kept in the session_store, if there is one.",
        )

    async def look_up(
        self, candidate_id: str, tenant: str = "", user_id: str | None = None
    ) -> tuple[Scope, CandidateState] | None:
        """A candidate, and its owner; None if there is none."""
        labels = {**self._labels, _ID: candidate_id}
        query = StreamQuery(kind=KIND, tenant=tenant, user=user_id, id=candidate_id, labels=labels)
        async for stream in list_streams(self._store, query):
            state, _ = await self._read(stream.key)
            if state is not None:
                return stream.key.owner, state
        return None

    async def add(self, scope: Scope, candidate_id: str, entry: CandidateEntry) -> tuple[CandidateState, bool]:
        """Put an event of a candidate on record; returns the state afterwards, and whether the event was recorded.

        It is not if another decision was first: that one counts.

        Raises:
            ConfigurationError: the candidate does not exist, or the stored candidate was changed.
            StoreError: the store cannot be written.
        """
        key = _key(scope, candidate_id)
        while True:
            known, head = await self._read(key)
            try:
                after = advance_candidate(known, entry)
            except ConfigurationError:
                if known is None:
                    raise
                return known, False
            try:
                await self._append(key, entry, head, after.candidate.status)
                return after, True
            except StreamConflict:
                continue  # Another decision was first: read the state again.

    async def _append(self, key: StreamKey, entry: CandidateEntry, expected: int, status: str) -> None:
        labels = {**self._labels, _ID: key.id, "status": status}
        draft = _CODEC.draft(entry)
        await self._store.append(key, [draft], expected=expected, at=self._clock.now(), labels=labels)

    async def _state(self, key: StreamKey) -> CandidateState | None:
        state, _ = await self._read(key)
        return state

    async def _read(self, key: StreamKey) -> tuple[CandidateState | None, int]:
        known: CandidateState | None = None
        head = 0
        async for entry in all_entries(self._store, key):
            known, head = advance_candidate(known, _CODEC.read(entry)), entry.sequence
        return known, head


def _key(scope: Scope, candidate_id: str) -> StreamKey:
    return StreamKey(Scope(scope.tenant, scope.user), KIND, candidate_id)


@cache
def _adapter() -> TypeAdapter[CandidateEntry]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[CandidateEntry, Field(discriminator="type")])


_CODEC: Final = EntryCodec("Memory candidate", _adapter)
