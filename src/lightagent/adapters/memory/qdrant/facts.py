"""When other memories took the place of one, as a field of its point by which searches are filtered.

Points are written one request after another, and by several processes. So the new points are written first, and then
it is looked at which points end by them, and written down until what stands there is what follows from all points:
of two who write at the same time, the one who looks last sees both. Where a process dies in between, its write was not
acknowledged; `reindex`, or the same write once more, brings it to an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.memory._marks import owner_mark
from lightagent.adapters.memory.qdrant import conditions
from lightagent.adapters.memory.qdrant.conditions import Conditions, Has
from lightagent.adapters.memory.qdrant.cursors import Cursor
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.keywords import keyword
from lightagent.adapters.memory.qdrant.points import SUPERSEDES, UNTIL, record_of, written_of
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import Version, ended_at, ends_at, version_of
from lightagent.ports.memory import OwnerSelection

_AT_ONCE: Final = 100
"""Points that are read by one request."""
_ROUNDS: Final = 20
"""Times that it is looked again whether others have written meanwhile."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A point that is there, as a state of a fact.

    Attributes:
        point: its id.
        until: the time at which it ends, as it is written down.
    """

    point: str
    record: MemoryRecord
    version: Version
    until: float | None


async def settle(
    engine: Engine,
    records: Sequence[MemoryRecord],
    but: frozenset[str] = frozenset(),
    also: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Write down when these records end, and all that end by them.

    Args:
        but: points that count no more, since they are about to be removed. For those it is looked once: a writer who
            still sees them would write down the opposite each time, and it is settled again when they are gone.
        also: ids of memories whose ends are looked at as well.

    Returns:
        The ids of the memories whose ends were written down.

    Raises:
        StoreError: others wrote to the same facts all the time.
    """
    versions = [(one.owner, version_of(one.memory_id, one.metadata, one.written_at)) for one in records]
    owners = tuple({owner_mark(owner).hex() for owner, _ in versions})
    own = {one.memory_id for _, one in versions}
    named = {name for _, one in versions for name in one.supersedes}
    marked = {*also}
    for _ in range(_ROUNDS):
        naming = await _found(engine, owners, SUPERSEDES, own | named)
        if not naming and not named and not marked:
            return frozenset()
        there = await _found(engine, owners, "memory_id", own | named | marked)
        changed = await _changed(engine, owners, naming, there, but)
        if not changed:
            return frozenset(marked)
        await engine.end({one.point: end for one, end in changed})
        # Others may have written these points anew since they were read, so they are looked at again.
        marked |= {one.version.memory_id for one, _ in changed}
        if but:
            return frozenset(marked)
    raise StoreError(
        "Others changed the same facts all the time.", guidance="Write it again; it is kept once.", retryable=True
    )


async def _changed(
    engine: Engine, owners: tuple[str, ...], naming: list[_Known], there: list[_Known], but: frozenset[str]
) -> list[tuple[_Known, float | None]]:
    """The points that end at another time than is written down, each with that time; None if it does not end."""
    chosen = {one.point: one for one in (*naming, *there)}
    names = {name for one in chosen.values() for name in (one.version.memory_id, *one.version.supersedes)}
    every = {one.point: one for one in (*naming, *await _found(engine, owners, SUPERSEDES, names))}
    by_owner: dict[MemoryOwner, list[Version]] = {}
    for one in every.values():
        if one.point not in but:
            by_owner.setdefault(one.record.owner, []).append(one.version)
    ends = [(one, _end(one, by_owner.get(one.record.owner, ()))) for one in chosen.values()]
    return [(one, end) for one, end in ends if end != one.until]


async def superseding(
    engine: Engine, selection: OwnerSelection, ids: Sequence[str]
) -> tuple[list[MemoryRecord], set[str]]:
    """Of the points of these memories, the records that take the place of others, and the ids of those points."""
    wanted = [*conditions.of_owners(selection), conditions.named(ids)]
    found = [one for one in await _paged(engine, wanted) if one.version.supersedes]
    return [one.record for one in found], {one.point for one in found}


def _end(one: _Known, others: Iterable[Version]) -> float | None:
    return ends_at(one.record.metadata, ended_at(one.version, others))


async def _found(engine: Engine, owners: tuple[str, ...], field: str, names: Iterable[str]) -> list[_Known]:
    """The points of these owners that have one of the names in a field."""
    keywords = tuple(sorted(set(map(keyword, names))))
    return await _paged(engine, [Has("owner", owners), Has(field, keywords)]) if keywords else []


async def _paged(engine: Engine, wanted: Conditions) -> list[_Known]:
    known: list[_Known] = []
    cursor = Cursor()
    while found := await engine.page([*wanted, *cursor.conditions()], _AT_ONCE):
        cursor = cursor.after([(point, written_of(payload)) for point, payload in found])
        known += [_known(point, payload) for point, payload in found]
        if len(found) < _AT_ONCE:
            break
    return known


def _known(point: str, payload: Mapping[str, object]) -> _Known:
    record, until = record_of(payload), payload.get(UNTIL)
    version = version_of(record.memory_id, record.metadata, record.written_at)
    return _Known(point, record, version, float(until) if isinstance(until, (int, float)) else None)
