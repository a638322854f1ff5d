"""What reads the database; each function within one transaction, and so as of one moment."""

from __future__ import annotations

import sqlite3

from lightagent.adapters._sqlite.transactions import RESTORE
from lightagent.adapters.journals.sqlite.rows import COLUMNS, StreamRow, encoded, entry_of, find_stream
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.input_checks import place_of
from lightagent.domain.journals.streams import Slice, StreamInfo, StreamKey, StreamPage, StreamQuery


def read(connection: sqlite3.Connection, key: StreamKey, after: int, limit: int, now: float) -> Slice:
    """Some entries of a stream; see `JournalStore.read`.

    Raises:
        DamagedStream: one is missing, or is not what was written.
    """
    row = find_stream(connection, key)
    if row is None:
        return Slice(StreamInfo(key))
    head, base = row.info.head, row.info.base
    first = max(head + after if after < 0 else after, base) + 1
    rows = connection.execute(
        "SELECT sequence, content, schema, seal, checksum FROM entries WHERE stream = ? AND sequence >= ? "
        "ORDER BY sequence LIMIT ?",
        (row.id, first, limit),
    ).fetchall()
    entries = tuple(entry_of(row.id, found) for found in rows)
    expected = range(first, min(head, first + limit - 1) + 1)
    if [entry.sequence for entry in entries] != [*expected]:
        raise DamagedStream("Entries of the stream are missing.", guidance=RESTORE)
    return Slice(_stream_info(row, now), entries)


def list_streams(connection: sqlite3.Connection, query: StreamQuery, now: float) -> StreamPage:
    """One page of streams; see `JournalStore.list`."""
    where, values = _conditions(query)
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM streams WHERE {where} ORDER BY id DESC LIMIT ?", [*values, query.limit + 1]
    ).fetchall()
    found: list[StreamRow] = []
    unreadable: list[str] = []
    for row in rows[: query.limit]:
        try:
            found.append(StreamRow(row))
        except DamagedStream as error:
            unreadable.append(f"Stream {row[0]}: {error.message}")
    next_ = str(rows[query.limit - 1][0]) if len(rows) > query.limit else ""
    return StreamPage(tuple(_stream_info(row, now) for row in found), next_, tuple(unreadable))


def _conditions(query: StreamQuery) -> tuple[str, list[bytes | float | int]]:
    """The condition in SQL, with a place for each value: no value ever becomes a part of the statement."""
    parts, values = ["head > 0"], list[bytes | float | int]()
    named = {
        "kind": query.kind,
        "tenant": query.tenant,
        "user": query.user,
        "session": query.session,
        "name": query.id,
    }
    for column, text in named.items():
        if text is not None:
            parts.append(f"{column} = ?")
            values.append(encoded(text))
    for operator, moment in (("<", query.updated_before), (">", query.updated_after)):
        if moment is not None:
            parts.append(f"updated_at {operator} ?")
            values.append(float(moment))
    for name, value in query.labels.items():
        parts.append("id IN (SELECT stream FROM labels WHERE name = ? AND value = ?)")
        values += [encoded(name), encoded(value)]
    if query.cursor:
        parts.append("id < ?")
        values.append(place_of(query.cursor))
    return " AND ".join(parts), values


def _stream_info(row: StreamRow, now: float) -> StreamInfo:
    left = row.hold.remaining(now)
    if not left:
        return row.info
    info = row.info
    return StreamInfo(
        info.key,
        info.head,
        info.base,
        info.labels,
        info.created_at,
        info.updated_at,
        info.size,
        info.seal,
        row.hold.holder,
        left,
    )
