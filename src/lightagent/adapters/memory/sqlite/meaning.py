"""Vectors of memories: those of one embedder, which stands in the file, and the search among them."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.sqlite.conditions import Condition
from lightagent.adapters.numpy_vectors import make_table
from lightagent.domain.errors import StoreError
from lightagent.domain.vectors import Vector

_CANDIDATES: Final = 50
"""Memories that are found by their meaning, at least: they are fused with those that are found by their words."""


def kept_space(connection: sqlite3.Connection) -> Space | None:
    """The space of the vectors in the file; None: nothing was written yet."""
    rows = dict(connection.execute("SELECT name, value FROM facts WHERE name IN ('embedder', 'dimension')"))
    return Space(str(rows["embedder"]), int(rows["dimension"])) if "embedder" in rows else None


def keep_space(connection: sqlite3.Connection, space: Space) -> None:
    """Write down what makes the vectors from now on."""
    facts = (("embedder", space.embedder), ("dimension", str(space.dimension)))
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)


def add(connection: sqlite3.Connection, number: int, vector: Vector) -> None:
    """Keep the vector of a memory."""
    connection.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", (number, vector.tobytes()))


def add_all(connection: sqlite3.Connection, vectors: Iterable[tuple[int, Vector]]) -> None:
    """Keep the vectors of memories that are still there."""
    for number, vector in vectors:
        if connection.execute("SELECT 1 FROM memories WHERE id = ?", (number,)).fetchone() is not None:
            add(connection, number, vector)


def by_meaning(connection: sqlite3.Connection, vector: Vector, limit: int, where: Condition) -> list[int]:
    """The numbers of the memories whose vectors are nearest to that of a query, the nearest first.

    All vectors that the filter lets through are compared.

    Raises:
        StoreError: a vector is not what was written.
    """
    rows = connection.execute(
        f"SELECT m.id, v.vector FROM memories m JOIN vectors v ON v.id = m.id WHERE {where.text} ORDER BY m.id",
        where.values,
    ).fetchall()
    size = len(vector) * vector.itemsize
    if any(len(stored) != size for _, stored in rows):
        raise StoreError("A vector is not what was written.", guidance="Type: lightagent memory reindex")
    nearest = make_table([_read(stored) for _, stored in rows]).nearest(vector, max(_CANDIDATES, limit)) if rows else ()
    return [rows[one.place][0] for one in nearest]


def without_vectors(connection: sqlite3.Connection, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Memories that have none yet: their numbers and texts."""
    return connection.execute(
        "SELECT m.id, m.text FROM memories m LEFT JOIN vectors v ON v.id = m.id "
        "WHERE m.id > ? AND v.id IS NULL ORDER BY m.id LIMIT ?",
        (after, limit),
    ).fetchall()


def _read(stored: bytes) -> Vector:
    return array("f", stored)
