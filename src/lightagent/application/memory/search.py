"""Searches the store of memories, within a time limit, and records failures and partial results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.aiokits.observed_work import Found, observe
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.memory.means import MemoryMeans, MemoryPlace
from lightagent.application.memory.track_lessons import id_of
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import filter_of
from lightagent.domain.memory.recall_limits import MOST_QUERY, shortened
from lightagent.domain.memory.records import FoundMemory
from lightagent.domain.policy.memory_payloads import plain_memory
from lightagent.ports.context import ServedRun
from lightagent.ports.memory import failed_parts


async def search_memory(
    run: ServedRun, means: MemoryMeans, place: MemoryPlace, query: str, limit: int
) -> Sequence[FoundMemory]:
    """What the store finds about a text, best first. The memory policy has not judged it yet.

    Raises:
        StoreError: the store could not be searched, or only in part where the memory policy takes that for a failure.
        TimeoutError: it took too long.
    """
    about: JsonObject = {"store": means.store.name, **place.about}
    wanted = filter_of(means.policy, means.clock.now())
    asked = shortened(query, MOST_QUERY)
    searching = means.store.recall(place.owner, asked, limit, wanted)
    try:
        with observe("retrieval", {"name": means.store.name, "limit": limit}, lambda: asked) as told:
            found = _records(await await_foreign(searching, means.policy.recall_timeout, in_time=True))
            told.found = lambda: _shown(found)
        failed = failed_parts(found)
        for one in failed:
            run.note("memory_degraded", {**about, "part": one.part, "kind": one.kind})
        if failed and means.policy.when_degraded == "fail":
            raise StoreError(
                f"Not all of the search in {means.store.name!r:.100} worked: {failed[0].part} failed.",
                guidance='See to its embedder and its index; with when_degraded="degrade" the rest will do.',
            )
    except FAILURES as raised:
        run.note("memory_unavailable", {**about, "kind": type(raised).__name__})
        raise
    return [_plain(one) for one in found]


def _records(found: object) -> Sequence[FoundMemory]:
    """The result of a store, checked: stores of applications may return anything."""
    if isinstance(found, Sequence) and all(map(_is_record, found)):
        return found
    raise StoreError(f"The store of memories gave {type(found).__name__}, which is not a list of results.")


def _is_record(found: object) -> bool:
    if not isinstance(found, FoundMemory):
        return False
    text: object = found.text
    said: tuple[object, ...] = (found.fields, found.beneath)
    return isinstance(text, str) and all(isinstance(one, Mapping) for one in said)


def _shown(found: Sequence[FoundMemory]) -> list[Found]:
    """The result for telemetry. Stores give an order and no scores: 1 for the first, a half for the second."""
    return [(id_of(one), 1 / place, one.text) for place, one in enumerate(found, 1)]


def _plain(found: FoundMemory) -> FoundMemory:
    """The record in plain JSON. One that cannot be converted gets no text, which keeps it out, but not the others."""
    try:
        return plain_memory(found)
    except FAILURES as raised:
        failure(raised)
        return FoundMemory("", {})
