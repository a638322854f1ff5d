"""What is written where: streams, entries and labels as rows, and rows as streams, entries and labels."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from lightagent.adapters._sqlite.transactions import RESTORE
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import Draft, Entry, Hold, StreamInfo, StreamKey
from lightagent.domain.scopes import Scope

_CHECKED: Final = (
    "id, tenant, user, session, kind, name, head, base, CAST(labels AS BLOB), created_at, updated_at, size, "
    "CAST(seal AS BLOB), token, holder, held_until"
)
"""What a checksum is about. Text is read as bytes, since text that was damaged cannot be read as text."""
COLUMNS: Final = f"{_CHECKED}, checksum"
SIGN_ALL: Final = f"UPDATE streams SET checksum = row_checksum({_CHECKED})"
"""Gives each row of the table of streams its checksum."""
_SIGN: Final = f"{SIGN_ALL} WHERE id = ?"


class StreamRow:
    """A row of the table of streams: its number in this file, what is known of the stream, and who holds it.

    Raises:
        DamagedStream: it is not what was written.
    """

    __slots__ = ("hold", "id", "info")

    def __init__(self, row: Sequence[object]) -> None:
        *row, checksum = row
        if checksum != _row_checksum(*row):
            raise DamagedStream("What is known of the stream is not what was written.", guidance=RESTORE)
        (number, tenant, user, session, kind, name, head, base, labels, created, updated, size, seal, *hold) = row
        key = StreamKey(Scope(_text(tenant), _text(user), _text(session)), _text(kind), _text(name))
        self.id: int = _whole(number)
        self.info: StreamInfo = StreamInfo(
            key, _whole(head), _whole(base), _labels(labels), _real(created), _real(updated), _whole(size), _text(seal)
        )
        token, holder, until = hold
        self.hold: Hold = Hold(_whole(token), _text(holder), _real(until))


def key_columns(key: StreamKey) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """The key as bytes, since a name may be any text: also invalid Unicode, and text that looks like another name."""
    owner = key.owner
    return encoded(owner.tenant), encoded(owner.user), encoded(owner.session), encoded(key.kind), encoded(key.id)


def encoded(text: str) -> bytes:
    """Any text as bytes."""
    return text.encode("utf-8", "surrogatepass")


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as they stand in the row of their stream."""
    return json.dumps(dict(sorted(labels.items())))


def entry_columns(stream: int, sequence: int, draft: Draft) -> tuple[int, int, str, int, str, int]:
    """An entry's row."""
    checksum = _checksum(stream, sequence, draft.content, draft.schema, draft.seal)
    return stream, sequence, draft.content, draft.schema, draft.seal, checksum


def entry_of(stream: int, row: Sequence[object]) -> Entry:
    """The entry of a row.

    Raises:
        DamagedStream: it is not what was written.
    """
    sequence, content, schema, seal, checksum = row
    entry = Entry(_whole(sequence), str(content), _whole(schema), str(seal))
    if checksum != _checksum(stream, entry.sequence, entry.content, entry.schema, entry.seal):
        raise DamagedStream(f"Entry {entry.sequence} is not what was written.", guidance=RESTORE)
    return entry


def find_stream(connection: sqlite3.Connection, key: StreamKey) -> StreamRow | None:
    """The row of a stream, if there is one."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM streams WHERE tenant = ? AND user = ? AND session = ? AND kind = ? AND name = ?",
        key_columns(key),
    ).fetchone()
    if row is None:
        return None
    found = StreamRow(row)
    if found.info.key != key:
        raise DamagedStream("The index leads to another stream.", guidance=RESTORE)
    return found


def add_functions(connection: sqlite3.Connection) -> None:
    """What the statements of this store call."""
    connection.create_function("row_checksum", len(_CHECKED.split(", ")), _row_checksum, deterministic=True)


def sign(connection: sqlite3.Connection, stream: int) -> None:
    """Give the row of a stream that was changed its checksum."""
    connection.execute(_SIGN, (stream,))


def _row_checksum(*columns: object) -> int:
    return zlib.crc32(repr([*columns]).encode())


def _checksum(stream: int, sequence: int, content: str, schema: int, seal: str) -> int:
    return zlib.crc32(f"{stream} {sequence} {schema} {seal} {content}".encode())


def _labels(data: object) -> dict[str, str]:
    try:
        found: object = json.loads(data) if isinstance(data, bytes) else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DamagedStream("The labels of a stream are not what was written.", guidance=RESTORE)
    return {str(name): str(value) for name, value in found.items()}


def _text(value: object) -> str:
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        pass
    raise DamagedStream("The name of a stream is not what was written.", guidance=RESTORE)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise DamagedStream("A number of a stream is not what was written.", guidance=RESTORE)
    return value


def _real(value: object) -> float:
    if not isinstance(value, float):
        raise DamagedStream("A time of a stream is not what was written.", guidance=RESTORE)
    return value
