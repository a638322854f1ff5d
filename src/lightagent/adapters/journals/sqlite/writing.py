"""The changes of the database. Each function runs within a transaction, and raises before it has written anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from lightagent.adapters.journals.sqlite.rows import (
    encoded,
    entry_columns,
    find_stream,
    key_columns,
    label_text,
    sign,
)
from lightagent.domain.journals.streams import (
    NO_HOLD,
    Draft,
    Lease,
    StreamInfo,
    StreamKey,
    check_append,
    check_end,
    check_lease,
)
from lightagent.domain.scopes import Scope


def append(
    connection: sqlite3.Connection,
    key: StreamKey,
    drafts: Sequence[Draft],
    expected: int,
    at: float,
    labels: Mapping[str, str] | None,
    token: int | None,
    seal: str,
    replacing: str | None,
    now: float,
) -> int:
    """Append, and return the sequence of the last entry; see `JournalStore.append`."""
    row = find_stream(connection, key)
    info, hold = (StreamInfo(key), NO_HOLD) if row is None else (row.info, row.hold)
    check_append(info, hold, now, expected, token, replacing)
    head = info.head
    number = _add_stream(connection, key) if row is None else row.id
    last = head + len(drafts)
    connection.executemany(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)",
        [entry_columns(number, head + place, draft) for place, draft in enumerate(drafts, 1)],
    )
    size = sum(len(draft.content.encode()) for draft in drafts)
    connection.execute(
        "UPDATE streams SET head = ?, updated_at = ?, size = size + ?, seal = ?, "
        "created_at = iif(head = 0, ?, created_at) WHERE id = ?",
        (last, float(at), size, seal, float(at), number),
    )
    if labels is not None and (row is None or dict(labels) != row.info.labels):
        _label(connection, number, labels)
    sign(connection, number)
    return last


def lease(
    connection: sqlite3.Connection, key: StreamKey, holder: str, seconds: float, token: int | None, now: float
) -> Lease:
    """Grant, renew or release a lease; see `JournalStore.lease`."""
    row = find_stream(connection, key)
    hold = NO_HOLD if row is None else row.hold
    check_lease(hold, now, seconds, token)
    if token is not None and seconds <= 0:
        if row is not None:
            connection.execute("UPDATE streams SET token = 0, holder = x'', held_until = 0.0 WHERE id = ?", (row.id,))
            sign(connection, row.id)
        return Lease(token, 0.0)
    number = _add_stream(connection, key) if row is None else row.id
    granted = _next_token(connection) if token is None else token
    connection.execute(
        "UPDATE streams SET token = ?, holder = ?, held_until = ? WHERE id = ?",
        (granted, encoded(holder), float(now + seconds), number),
    )
    sign(connection, number)
    return Lease(granted, seconds)


def forget_stream(connection: sqlite3.Connection, key: StreamKey, expected: int | None, replacing: str | None) -> int:
    """Remove a stream. Return 1 if anything was ever appended to it, else 0."""
    row = find_stream(connection, key)
    check_end(StreamInfo(key) if row is None else row.info, expected, replacing)
    if row is None:
        return 0
    _remove(connection, row.id)
    return int(row.info.head > 0)


def forget_subject(connection: sqlite3.Connection, subject: Scope) -> int:
    """Remove all streams of a subject. Return how many of them were ever appended to."""
    wanted = [("tenant", subject.tenant), ("user", subject.user), ("session", subject.session)]
    named = [(column, encoded(text)) for column, text in wanted if text or column == "tenant"]
    where = " AND ".join(f"{column} = ?" for column, _ in named)
    rows = connection.execute(f"SELECT id, head FROM streams WHERE {where}", [text for _, text in named]).fetchall()
    for number, _ in rows:
        _remove(connection, number)
    return sum(head > 0 for _, head in rows)


def prune(
    connection: sqlite3.Connection,
    key: StreamKey,
    before: int,
    expected: int | None,
    seal: str | None,
    replacing: str | None,
) -> int:
    """Remove the entries of a stream before a sequence number, and return how many were removed."""
    row = find_stream(connection, key)
    check_end(StreamInfo(key) if row is None else row.info, expected, replacing)
    if row is None:
        return 0
    gone, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(CAST(content AS BLOB))), 0) FROM entries "
        "WHERE stream = ? AND sequence < ?",
        (row.id, before),
    ).fetchone()
    if gone:
        connection.execute("DELETE FROM entries WHERE stream = ? AND sequence < ?", (row.id, before))
        base = min(before - 1, row.info.head)
        connection.execute(
            "UPDATE streams SET base = ?, size = size - ?, seal = coalesce(?, seal) WHERE id = ?",
            (base, size, seal, row.id),
        )
        sign(connection, row.id)
    return int(gone)


def _add_stream(connection: sqlite3.Connection, key: StreamKey) -> int:
    cursor = connection.execute(
        "INSERT INTO streams (tenant, user, session, kind, name, head, base, labels, created_at, updated_at, size, "
        "seal) VALUES (?, ?, ?, ?, ?, 0, 0, '{}', 0.0, 0.0, 0, '')",
        key_columns(key),
    )
    return cursor.lastrowid or 0


def _label(connection: sqlite3.Connection, stream: int, labels: Mapping[str, str]) -> None:
    connection.execute("UPDATE streams SET labels = ? WHERE id = ?", (label_text(labels), stream))
    connection.execute("DELETE FROM labels WHERE stream = ?", (stream,))
    connection.executemany(
        "INSERT INTO labels VALUES (?, ?, ?)",
        [(encoded(name), encoded(value), stream) for name, value in labels.items()],
    )


def _next_token(connection: sqlite3.Connection) -> int:
    """Return a new token. The counter belongs to the file and not to a stream, so no token is ever issued twice."""
    connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'token'")
    (token,) = connection.execute("SELECT value FROM counters WHERE name = 'token'").fetchone()
    return int(token)


def _remove(connection: sqlite3.Connection, stream: int) -> None:
    connection.execute("DELETE FROM entries WHERE stream = ?", (stream,))
    connection.execute("DELETE FROM labels WHERE stream = ?", (stream,))
    connection.execute("DELETE FROM streams WHERE id = ?", (stream,))
