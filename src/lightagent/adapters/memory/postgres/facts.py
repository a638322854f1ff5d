"""When other memories took the place of one, as a column by which searches are filtered.

A writer holds the row of its owner from its statement on. So what is looked at afterwards, in a statement of its own,
is all that has been written to that owner's facts, and two who correct one fact at the same time see each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import decoded, owner_mark, record_mark
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import Version, ended_at, ends_at, superseded_ids, version_of

_LOCK: Final[LiteralString] = """SELECT FROM {schema}.owners WHERE owner = ANY(%(owners)s::bytea[])
ORDER BY owner FOR UPDATE"""

_IS_NAMED: Final[LiteralString] = """SELECT FROM {schema}.supersessions
WHERE superseded = ANY(%(marks)s::bytea[]) LIMIT 1"""

_COLUMNS: Final[LiteralString] = "id, owner, memory_id, metadata, written_at, valid_until"

_CONCERNED: Final[LiteralString] = (
    "SELECT "
    + _COLUMNS
    + """ FROM {schema}.records WHERE digest = ANY(%(marks)s::bytea[]) OR id IN (
    SELECT record FROM {schema}.supersessions WHERE superseded = ANY(%(marks)s::bytea[]))"""
)
_NAMING: Final[LiteralString] = (
    "SELECT "
    + _COLUMNS
    + """ FROM {schema}.records WHERE id IN (
    SELECT record FROM {schema}.supersessions WHERE superseded = ANY(%(marks)s::bytea[]))"""
)
_END: Final[LiteralString] = """UPDATE {schema}.records SET valid_until = given.valid_until
FROM unnest(%(ids)s::bigint[], %(ends)s::float8[]) AS given (id, valid_until) WHERE records.id = given.id"""


@dataclass(frozen=True, slots=True)
class _Known:
    """A record that is there, by the mark of its owner, and the time at which it ends as it is written down."""

    number: int
    owner: bytes
    metadata: JsonObject
    version: Version
    until: float | None


@dataclass(frozen=True, slots=True)
class Naming:
    """A record by what is needed to know what it takes the place of."""

    owner: MemoryOwner
    memory_id: str
    superseded: tuple[str, ...]

    @classmethod
    def of(cls, record: MemoryRecord) -> Naming:
        """That of a record."""
        return cls(record.owner, record.memory_id, superseded_ids(record.memory_id, record.metadata))

    @property
    def marks(self) -> list[bytes]:
        """Those of the record and of what it names."""
        return [record_mark(self.owner, name) for name in (self.memory_id, *self.superseded)]


async def is_named(session: Session, records: Iterable[MemoryRecord]) -> bool:
    """Whether one of these takes the place of others, or others take its place."""
    marks = [record_mark(one.owner, one.memory_id) for one in records]
    return await session.row(_IS_NAMED, {"marks": marks}) is not None


async def settle(session: Session, concerned: Sequence[Naming]) -> None:
    """Write down when these records end, and all that end by them; within a transaction."""
    await session.rows(_LOCK, {"owners": sorted({owner_mark(one.owner) for one in concerned})})
    marks = sorted({mark for one in concerned for mark in one.marks})
    owners = {owner_mark(one.owner): one.owner for one in concerned}
    chosen = [_read(row) for row in await session.rows(_CONCERNED, {"marks": marks})]
    named = {
        record_mark(owners[one.owner], name)
        for one in chosen
        for name in (one.version.memory_id, *one.version.supersedes)
    }
    naming: dict[bytes, list[Version]] = {}
    for row in await session.rows(_NAMING, {"marks": sorted(named)}):
        one = _read(row)
        naming.setdefault(one.owner, []).append(one.version)
    ends = [(one, ends_at(one.metadata, ended_at(one.version, naming.get(one.owner, ())))) for one in chosen]
    changed = [(one.number, end) for one, end in ends if end != one.until]
    if changed:
        await session.execute(_END, {"ids": [number for number, _ in changed], "ends": [end for _, end in changed]})


def _read(row: Sequence[object]) -> _Known:
    match row:
        case (int(number), bytes(owner), bytes(name), str(metadata), float(written_at), until):
            known: JsonObject = json.loads(metadata)
            version = version_of(decoded(name), known, written_at)
            return _Known(number, owner, known, version, until if isinstance(until, float) else None)
        case _:
            pass
    raise StoreError("A memory is not what was written.", guidance="Restore the database from a backup.")
