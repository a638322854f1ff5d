"""Which memory took the place of which, and the metadata that searches filter by, as tables of their own.

The row of a memory has the time at which it ends: the one that it names itself, or that at which another took its
place. Each function runs within the transaction that writes or removes the memory, and writers take their turns.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lightagent.adapters.memory._marks import metadata_marks
from lightagent.adapters.memory.sqlite.rows import decoded, encoded, metadata_of
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.records import MemoryRecord
from lightagent.domain.memory.validity import Version, ended_at, ends_at, version_of

# As bytes, since metadata that was changed from outside need not be valid text.
_VERSION: Final = "SELECT m.id, m.memory_id, CAST(m.metadata AS BLOB), m.written_at, m.valid_until FROM memories m"
_NAMED: Final = f"{_VERSION} WHERE m.owner = ? AND m.memory_id = ?"
_NAMING: Final = (
    f"{_VERSION} JOIN supersessions s ON s.memory = m.id WHERE s.owner = ? AND s.superseded = ? AND s.memory <> ?"
)
_LATER: Final = f"{_NAMING} AND s.since >= ?"
_ENDED: Final = f"{_NAMING} AND m.valid_until = ?"
_OPEN: Final = f"{_NAMING} AND (m.valid_until IS NULL OR m.valid_until > ?)"


def short_marks(metadata: Mapping[str, JsonValue]) -> list[int]:
    """A number for each key of metadata with its value. Two may share one, so that what it finds is looked at."""
    return [int.from_bytes(one[:8], "big", signed=True) for one in metadata_marks(metadata)]


def add(connection: sqlite3.Connection, owner: int, number: int, record: MemoryRecord) -> None:
    """Note of a new memory what it is filtered by and whose place it takes, and end what it ends."""
    marks = [(owner, mark, number) for mark in dict.fromkeys(short_marks(record.metadata))]
    connection.executemany("INSERT INTO metadata_marks VALUES (?, ?, ?)", marks)
    version = version_of(record.memory_id, record.metadata, record.written_at)
    names = [encoded(name) for name in version.supersedes]
    rows = [(owner, name, version.since, number) for name in names]
    connection.executemany("INSERT INTO supersessions VALUES (?, ?, ?, ?)", rows)
    others = _naming(connection, _NAMING, [(owner, encoded(record.memory_id), number)])
    others += _naming(connection, _LATER, [(owner, name, number, version.since) for name in names])
    end = ended_at(version, (one for _, one, _ in others))
    if end is not None:
        _set_end(connection, number, ends_at(record.metadata, end))
    # What has ended before stays as it is.
    beside = _naming(connection, _OPEN, [(owner, name, number, version.since) for name in names])
    for place, one, until in (*_named(connection, owner, names), *beside):
        if (until is None or until > version.since) and version.ends(one):
            _set_end(connection, place, version.since)


def remove(connection: sqlite3.Connection, owner: int, numbers: Sequence[int]) -> None:
    """Take back what memories did that are about to be removed: what they alone ended holds on."""
    gone = set(numbers)
    left: set[int] = set()
    for number in numbers:
        row = connection.execute(f"{_VERSION} WHERE m.id = ?", (number,)).fetchone()
        try:
            _, version, _ = _read(row)
        except StoreError:
            left |= _remove_damaged(connection, owner, number) - gone
            continue
        names = [encoded(name) for name in version.supersedes]
        beside = _naming(connection, _ENDED, [(owner, name, number, version.since) for name in names])
        for place, _, until in (*_named(connection, owner, names), *beside):
            if until == version.since and place not in gone:
                left.add(place)
        connection.executemany(
            "DELETE FROM supersessions WHERE owner = ? AND superseded = ? AND since = ? AND memory = ?",
            [(owner, name, version.since, number) for name in names],
        )
        marks = [(owner, mark, number) for mark in short_marks(metadata_of(row[2]))]
        connection.executemany("DELETE FROM metadata_marks WHERE owner = ? AND mark = ? AND memory = ?", marks)
    for number in left:
        _settle(connection, owner, number)


def _remove_damaged(connection: sqlite3.Connection, owner: int, number: int) -> set[int]:
    """Remove all that is noted of a memory that cannot be read; the memories whose place it took."""
    of_it = "owner = ? AND memory = ?"
    rows = connection.execute(f"SELECT superseded FROM supersessions WHERE {of_it}", (owner, number)).fetchall()
    connection.execute(f"DELETE FROM supersessions WHERE {of_it}", (owner, number))
    connection.execute(f"DELETE FROM metadata_marks WHERE {of_it}", (owner, number))
    return {place for place, _, _ in _named(connection, owner, [name for (name,) in rows])}


def forget_owner(connection: sqlite3.Connection, owner: int) -> None:
    """Remove all that is noted here of an owner."""
    connection.execute("DELETE FROM supersessions WHERE owner = ?", (owner,))
    connection.execute("DELETE FROM metadata_marks WHERE owner = ?", (owner,))


def _settle(connection: sqlite3.Connection, owner: int, number: int) -> None:
    """Say anew when a memory ends."""
    row = connection.execute(f"{_VERSION} WHERE m.id = ?", (number,)).fetchone()
    _, version, _ = _read(row)
    names = [encoded(name) for name in (version.memory_id, *version.supersedes)]
    others = _naming(connection, _NAMING, [(owner, name, number) for name in names])
    end = ended_at(version, (one for _, one, _ in others))
    _set_end(connection, number, ends_at(metadata_of(row[2]), end))


def _set_end(connection: sqlite3.Connection, number: int, end: float | None) -> None:
    connection.execute("UPDATE memories SET valid_until = ? WHERE id = ?", (end, number))


def _named(
    connection: sqlite3.Connection, owner: int, names: Iterable[bytes]
) -> list[tuple[int, Version, float | None]]:
    """The memories of these names, with the times at which they end."""
    return [_read(row) for name in names for row in connection.execute(_NAMED, (owner, name)).fetchall()]


def _naming(
    connection: sqlite3.Connection, statement: str, asked: Iterable[tuple[object, ...]]
) -> list[tuple[int, Version, float | None]]:
    """The memories that take the place of a named one, without one of them, with the times at which they end."""
    return [_read(row) for values in asked for row in connection.execute(statement, values).fetchall()]


def _read(row: Sequence[object]) -> tuple[int, Version, float | None]:
    number, name, metadata, written_at, until = row
    memory_id = decoded(name) if isinstance(name, bytes) else ""
    at = written_at if isinstance(written_at, float) else 0.0
    version = version_of(memory_id, metadata_of(metadata), at)
    return number if isinstance(number, int) else 0, version, until if isinstance(until, float) else None


def marks_as_json(metadata: object) -> str:
    """`short_marks` of metadata as it stands in a row, for a statement."""
    return json.dumps(sorted(set(short_marks(metadata_of(metadata)))))
