"""Vectors of memories: those of one embedder, which stands in the file, and the search among them."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lightagent.adapters.memory._neighbour_scores import AFTER, BEFORE, NEARBY, QUESTION, ranked
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.sqlite.conditions import Condition
from lightagent.adapters.numpy_vectors import make_table
from lightagent.domain.errors import StoreError
from lightagent.domain.text.vectors import Vector

_CANDIDATES: Final = 200
"""Memories that are put in order, at least."""
_SHARE: Final = 0.8
"""How much less a memory counts for those beside it than one that shares words: near meanings are less sure."""
_STEPS: Final = tuple(
    (direction * place, _SHARE * share)
    for direction, shares in ((1, AFTER), (-1, BEFORE))
    for place, share in enumerate(shares, 1)
)
"""How far those are that are counted beside another, and how much."""


def stored_space(connection: sqlite3.Connection) -> Space | None:
    """The space of the vectors in the file; None: nothing was written yet."""
    rows = dict(connection.execute("SELECT name, value FROM facts WHERE name IN ('embedder', 'dimension')"))
    return Space(str(rows["embedder"]), int(rows["dimension"])) if "embedder" in rows else None


def store_space(connection: sqlite3.Connection, space: Space) -> None:
    """Write down what makes the vectors from now on."""
    facts = (("embedder", space.embedder), ("dimension", str(space.dimension)))
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts)


def remove_damaged(connection: sqlite3.Connection, space: Space) -> None:
    """Remove vectors of another size than those of the space, which are not what was written."""
    connection.execute("DELETE FROM vectors WHERE length(vector) <> ?", (space.dimension * array("f").itemsize,))


def add(connection: sqlite3.Connection, number: int, vector: Vector) -> None:
    """Keep the vector of a memory."""
    connection.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", (number, vector.tobytes()))


def add_all(connection: sqlite3.Connection, vectors: Iterable[tuple[int, Vector]]) -> None:
    """Keep the vectors of memories that are still there."""
    for number, vector in vectors:
        if connection.execute("SELECT 1 FROM memories WHERE id = ?", (number,)).fetchone() is not None:
            add(connection, number, vector)


def by_meaning(
    connection: sqlite3.Connection, vector: Vector, limit: int, where: Condition, nearby: float
) -> list[int]:
    """The numbers of the memories whose vectors are nearest to that of a query, the nearest first.

    All vectors that the filter lets through are compared. As with words, those beside one that is near count as well.

    Raises:
        StoreError: a vector is not what was written.
    """
    rows = connection.execute(
        "SELECT m.id, m.written_at, m.is_question, v.vector "
        f"FROM memories m JOIN vectors v ON v.id = m.id WHERE {where.text} ORDER BY m.id",
        where.values,
    ).fetchall()
    size = len(vector) * vector.itemsize
    if any(len(stored) != size for *_, stored in rows):
        raise StoreError("A vector is not what was written.", guidance="Type: lightagent memory reindex")
    if not rows:
        return []
    nearest = make_table([_read(stored) for *_, stored in rows]).nearest(vector, max(_CANDIDATES, 2 * limit))
    # All vectors of one model are somewhat alike: what counts is by how much these are nearer than the last of them.
    floor = nearest[-1].similarity
    scores = {one.place: one.similarity - floor for one in nearest}
    if nearby:
        scores = _with_nearby(scores, [written_at for _, written_at, _, _ in rows], nearby)
    return [
        rows[place][0]
        for place in ranked({one: score * (QUESTION if rows[one][2] else 1.0) for one, score in scores.items()})
    ]


def _with_nearby(scores: Mapping[int, float], written: Sequence[float], nearby: float) -> dict[int, float]:
    total = dict(scores)
    for place, score in scores.items():
        for step, share in _STEPS:
            beside = place + step
            if 0 <= beside < len(written) and abs(written[beside] - written[place]) <= NEARBY:
                total[beside] = total.get(beside, 0.0) + nearby * share * score
    return total


def without_vectors(connection: sqlite3.Connection, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Memories that have none yet: their numbers and texts."""
    return connection.execute(
        "SELECT m.id, m.text FROM memories m LEFT JOIN vectors v ON v.id = m.id "
        "WHERE m.id > ? AND v.id IS NULL ORDER BY m.id LIMIT ?",
        (after, limit),
    ).fetchall()


def _read(stored: bytes) -> Vector:
    return array("f", stored)
