"""What reads the database. Each function runs within a transaction, so that it sees one moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lightagent.adapters.memory.sqlite.rows import (
    OWNER,
    RECORD,
    owner_as_it_is,
    owner_of,
    record_as_it_is,
    record_of,
)
from lightagent.adapters.memory.sqlite.writing import chosen_owners
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryPage, OwnerSelection

# As bytes, since metadata that was changed from outside need not be valid text.
_RECORD = ", ".join("CAST(m.metadata AS BLOB)" if one == "metadata" else f"m.{one}" for one in RECORD.split(", "))
_OWNER = ", ".join(f"o.{column}" for column in OWNER.split(", "))


def read(
    connection: sqlite3.Connection,
    selection: OwnerSelection,
    limit: int,
    cursor: str | None,
    *,
    is_checked: bool = True,
) -> MemoryPage:
    """Records of some owners, in the order in which they were written.

    Args:
        is_checked: whether one that is not what was written is refused.

    Raises:
        StoreError: the cursor is not one of this store's, or a record is not what was written.
    """
    after = _number(cursor)
    rows = connection.execute(
        f"SELECT m.id, {_RECORD}, {_OWNER} FROM memories m JOIN owners o ON o.id = m.owner "
        f"WHERE m.id > ? AND {_among(connection, selection)} ORDER BY m.id LIMIT ?",
        (after, limit + 1),
    ).fetchall()
    page = rows[:limit]
    width = len(RECORD.split(", ")) + 1
    whose, restore = (owner_of, record_of) if is_checked else (owner_as_it_is, record_as_it_is)
    records = tuple(restore(whose(row[width:]), row[1:width]) for row in page)
    return MemoryPage(records, str(page[-1][0]) if page and len(rows) > limit else None)


def records(
    connection: sqlite3.Connection, owner: MemoryOwner, numbers: Sequence[int], *, is_checked: bool = True
) -> list[MemoryRecord]:
    """The records of one owner with these numbers, in their order.

    Args:
        is_checked: as in `read`.

    Raises:
        StoreError: one is not what was written, or not this owner's.
    """
    statement = f"SELECT {_RECORD} FROM memories m WHERE m.id = ?"
    restore = record_of if is_checked else record_as_it_is
    return [restore(owner, connection.execute(statement, (number,)).fetchone()) for number in numbers]


def _among(connection: sqlite3.Connection, selection: OwnerSelection) -> str:
    """The owners that are meant; their numbers are ours, so they stand in the statement, of any count."""
    if all(part is None for part in selection.parts):
        return "1"
    return f"m.owner IN ({', '.join(map(str, chosen_owners(connection, selection)))})"


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
    return int(cursor)
