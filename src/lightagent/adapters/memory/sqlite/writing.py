"""What changes the database. Each function runs within a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lightagent.adapters.memory.sqlite import facts as facts_of_owner
from lightagent.adapters.memory.sqlite.rows import (
    LOST,
    NAMELESS,
    OWNER,
    encoded,
    find_owner,
    legible,
    owner_as_it_is,
    owner_columns,
    record_columns,
)
from lightagent.adapters.memory.sqlite.searching import term
from lightagent.domain.memory.recall_filter import facts_of
from lightagent.domain.memory.records import MemoryRecord
from lightagent.ports.memory import OwnerSelection

_COLUMNS: Final = (
    "owner, memory_id, text, metadata, written_at, checksum, source, scope, agent_name, trust_level, confidence, "
    "expires_at, is_injectable, is_internal, is_question, terms, "
    "valid_from, valid_until"
)

_LEVELS_OF_INDEX: Final = 10
"""The row in which FTS5 keeps the levels of its index."""
_MOST_LEVELS: Final = 1000

_QUESTION_MARKS: Final = ("?", "\uff1f", "\u061f")
"""Those of Latin, of Chinese and Japanese, and of Arabic."""


def write(connection: sqlite3.Connection, record: MemoryRecord, terms: Sequence[str]) -> int | None:
    """Store a record; returns its number in this file, or None if it exists already.

    Args:
        terms: what it is found by.
    """
    owner = _owner(connection, record)
    facts = facts_of(record)
    cursor = connection.execute(
        f"INSERT INTO memories ({_COLUMNS}) VALUES ({', '.join('?' * 18)}) ON CONFLICT DO NOTHING",
        (
            owner,
            *record_columns(record),
            encoded(facts.source),
            encoded(facts.scope),
            encoded(facts.agent_name),
            encoded(facts.trust_level),
            facts.confidence,
            facts.expires_at,
            int(facts.is_injectable),
            int(facts.is_internal),
            int(record.text.rstrip().endswith(_QUESTION_MARKS)),
            len(terms),
            facts.valid_from,
            facts.valid_until,
        ),
    )
    if not cursor.rowcount:
        return None
    number = cursor.lastrowid or 0
    _index(connection, number, owner, terms)
    facts_of_owner.add(connection, owner, number, record)
    connection.execute("UPDATE owners SET memories = memories + 1, terms = terms + ? WHERE id = ?", (len(terms), owner))
    return number


def index_anew(connection: sqlite3.Connection, terms_of: Callable[[str], Sequence[str]]) -> int:
    """Make the index of words anew; how many memories there are."""
    connection.execute("DELETE FROM found_by")
    rows = connection.execute("SELECT id, owner, text FROM memories").fetchall()
    for number, owner, text in rows:
        terms = terms_of(text.decode("utf-8", "surrogatepass"))
        _index(connection, number, owner, terms)
        connection.execute("UPDATE memories SET terms = ? WHERE id = ?", (len(terms), number))
    connection.execute("UPDATE owners SET terms = (SELECT sum(m.terms) FROM memories m WHERE m.owner = owners.id)")
    _merge(connection)
    return len(rows)


def _merge(connection: sqlite3.Connection) -> None:
    """Make one piece of the index of words, without what was removed from it.

    Older versions of SQLite add two levels each time, and take an index of 2,000 levels for damaged, for good. So it is
    made anew before.
    """
    (size,) = connection.execute("SELECT length(block) FROM found_by_data WHERE id = ?", (_LEVELS_OF_INDEX,)).fetchone()
    how = "rebuild" if size > _MOST_LEVELS * 2 else "optimize"  # Two bytes for an empty level.
    connection.execute("INSERT INTO found_by (found_by) VALUES (?)", (how,))


def _index(connection: sqlite3.Connection, number: int, owner: int, terms: Iterable[str]) -> None:
    indexed = " ".join(term(owner, one) for one in terms)
    connection.execute("INSERT INTO found_by (rowid, terms) VALUES (?, ?)", (number, indexed))


def _owner(connection: sqlite3.Connection, record: MemoryRecord) -> int:
    known = find_owner(connection, record.owner)
    if known is not None:
        return known[0]
    inserted = connection.execute(f"INSERT INTO owners ({OWNER}) VALUES (?, ?, ?, ?, ?)", owner_columns(record.owner))
    return inserted.lastrowid or 0


def chosen_owners(connection: sqlite3.Connection, selection: OwnerSelection) -> list[int]:
    """The numbers of the owners that are meant.

    One whose name was damaged is known by what can be read of it, as `owner_as_it_is` tells it.
    """
    if any(LOST in part for part in selection.parts if part is not None):
        owners = connection.execute(f"SELECT id, {OWNER} FROM owners").fetchall()
        return [number for number, *parts in owners if selection.holds(owner_as_it_is(parts))]
    named = [
        (f"{column} = ?", encoded(part))
        for column, part in zip(OWNER.split(", "), selection.parts, strict=True)
        if part is not None
    ]
    where = " AND ".join(column for column, _ in named) or "1"
    rows = connection.execute(f"SELECT id FROM owners WHERE {where}", [part for _, part in named])
    return [number for (number,) in rows]


def forget(connection: sqlite3.Connection, selection: OwnerSelection, memory_ids: Iterable[str] | None) -> int:
    """Remove records, in every index; how many there were."""
    ids = None if memory_ids is None else [*dict.fromkeys(memory_ids)]
    gone = sum(_forget(connection, owner, ids) for owner in chosen_owners(connection, selection))
    if gone:
        # A removal alone is written beside the old entries, and they stay in the index until it is merged.
        _merge(connection)
    return gone


def _forget(connection: sqlite3.Connection, owner: int, ids: Sequence[str] | None) -> int:
    rows = list(_rows(connection, owner, ids))
    if ids is None:
        facts_of_owner.forget_owner(connection, owner)
    else:
        facts_of_owner.remove(connection, owner, [number for number, _ in rows])
    for number, terms in rows:
        connection.execute("DELETE FROM found_by WHERE rowid = ?", (number,))
        connection.execute("DELETE FROM vectors WHERE id = ?", (number,))
        connection.execute("DELETE FROM memories WHERE id = ?", (number,))
        connection.execute("UPDATE owners SET memories = memories - 1, terms = terms - ? WHERE id = ?", (terms, owner))
    connection.execute("DELETE FROM owners WHERE id = ? AND memories = 0", (owner,))
    return len(rows)


def _rows(connection: sqlite3.Connection, owner: int, ids: Sequence[str] | None) -> Iterable[tuple[int, int]]:
    """The numbers and terms of memories; an id that was damaged is known by what can be read of it."""
    if ids is None:
        yield from connection.execute("SELECT id, terms FROM memories WHERE owner = ?", (owner,)).fetchall()
        return
    for name in ids:
        wanted = "SELECT id, terms FROM memories WHERE owner = ? AND memory_id = ?"
        if found := connection.execute(wanted, (owner, encoded(name))).fetchall():
            yield from found
        elif LOST in name or name == NAMELESS:
            every = "SELECT id, terms, memory_id FROM memories WHERE owner = ?"
            for number, terms, column in connection.execute(every, (owner,)).fetchall():
                if (legible(column) or NAMELESS) == name:
                    yield number, terms
