"""What is written where: records as rows, and rows as records."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from typing import Final

from lightagent.domain.errors import LightAgentError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord

OWNER: Final = "namespace, tenant, user, session, agent"
"""The columns of an owner's parts."""
RECORD: Final = "memory_id, text, metadata, written_at, checksum"
"""The columns of a record, besides its owner."""
LOST: Final = "\ufffd"
"""Stands for what cannot be read."""
NAMELESS: Final = "?"
"""Stands for an id of which nothing is left."""
_RESTORE: Final = "Restore the file from a backup, or forget this memory."


def encoded(text: str) -> bytes:
    """Any text as bytes, since it may be invalid Unicode or contain NUL characters."""
    return text.encode("utf-8", "surrogatepass")


def owner_columns(owner: MemoryOwner) -> tuple[bytes, ...]:
    """An owner's parts."""
    return tuple(map(encoded, owner.parts))


def find_owner(connection: sqlite3.Connection, owner: MemoryOwner) -> tuple[int, int, int] | None:
    """The number of an owner in this file, how many memories it has, and of how many terms; None if it has none."""
    row: tuple[int, int, int] | None = connection.execute(
        "SELECT id, memories, terms FROM owners "
        "WHERE namespace = ? AND tenant = ? AND user = ? AND session = ? AND agent = ?",
        owner_columns(owner),
    ).fetchone()
    return row


def record_columns(record: MemoryRecord) -> tuple[bytes, bytes, str, float, int]:
    """A record's row, besides its owner."""
    name, text, metadata = encoded(record.memory_id), encoded(record.text), json.dumps(record.metadata)
    written_at = float(record.written_at)
    return name, text, metadata, written_at, _checksum(record.owner, name, text, metadata.encode(), written_at)


def record_of(owner: MemoryOwner, row: Sequence[object]) -> MemoryRecord:
    """The record of a row.

    Raises:
        StoreError: it is not what was written.
    """
    name, text, metadata, written_at, checksum = row
    if not (isinstance(name, bytes) and isinstance(text, bytes) and isinstance(written_at, float)):
        raise _damaged(name)
    if not isinstance(metadata, bytes) or checksum != _checksum(owner, name, text, metadata, written_at):
        raise _damaged(name)
    return MemoryRecord(decoded(name), owner, decoded(text), metadata_of(metadata), written_at)


def record_as_it_is(owner: MemoryOwner, row: Sequence[object]) -> MemoryRecord:
    """The record of a row, whatever has become of it. What cannot be read of it is left out."""
    name, text, metadata, written_at, _ = row
    memory_id = legible(name) or NAMELESS
    try:
        at = written_at if isinstance(written_at, float) else 0.0
        return MemoryRecord(memory_id, owner, legible(text), metadata_of(metadata), at)
    except LightAgentError:
        return MemoryRecord(memory_id, owner, "")


def owner_as_it_is(parts: Sequence[object]) -> MemoryOwner:
    """The owner of the parts in a row, whatever has become of them."""
    return MemoryOwner(*map(legible, parts))


def owner_of(parts: Sequence[object]) -> MemoryOwner:
    """The owner of the parts in a row.

    Raises:
        StoreError: they are not what was written.
    """
    namespace, tenant, user, session, agent = (decoded(part) if isinstance(part, bytes) else "" for part in parts)
    return MemoryOwner(namespace, tenant, user, session, agent)


def metadata_of(column: object) -> JsonObject:
    """The metadata in a row.

    Raises:
        StoreError: it is not what was written.
    """
    try:
        found: object = json.loads(column if isinstance(column, bytes) else str(column))
    except (ValueError, RecursionError):  # Also what is nested too deep is not what was written.
        found = None
    if not isinstance(found, dict):
        raise StoreError("The metadata of a memory is not what was written.", guidance=_RESTORE)
    return found


def _checksum(owner: MemoryOwner, name: bytes, text: bytes, metadata: bytes, written_at: float) -> int:
    return zlib.crc32(repr([owner.parts, name, text, metadata, written_at]).encode())


def decoded(column: bytes) -> str:
    """The text of `encoded`.

    Raises:
        StoreError: it is invalid.
    """
    try:
        return column.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise StoreError("The text of a memory is not what was written.", guidance=_RESTORE) from None


def legible(column: object) -> str:
    """The text of a column, whatever has become of it."""
    if not isinstance(column, bytes):
        return ""
    try:
        return column.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return column.decode("utf-8", "replace")


def _damaged(name: object) -> StoreError:
    shown = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return StoreError(f"The memory {shown!r:.80} is not what was written.", guidance=_RESTORE)
