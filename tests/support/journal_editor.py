"""Whoever can write to a journal store behind its back, and knows how it keeps things.

An edit mends what a careful attacker would mend: sequences have no gaps, heads and sizes fit, checksums are made anew.
What they do not have is the key.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

from lightagent.adapters.journals.memory import MemoryJournalStore, _StoredStream
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.journals.sqlite.rows import (
    COLUMNS,
    StreamRow,
    add_functions,
    encoded,
    entry_columns,
    key_columns,
    label_text,
    sign,
)
from lightagent.domain.journals.streams import Draft, Entry, StreamInfo, StreamKey
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True)
class RawStream:
    """A stream as it is kept."""

    info: StreamInfo
    entries: tuple[Entry, ...] = field(default=())

    def with_entries(self, entries: Sequence[Entry]) -> RawStream:
        """The same with other entries, the head mended."""
        base = self.info.base
        numbered = tuple(replace(entry, sequence=base + place) for place, entry in enumerate(entries, 1))
        size = sum(len(entry.content.encode()) for entry in numbered)
        return RawStream(replace(self.info, head=base + len(numbered), size=size), numbered)

    def with_key(self, key: StreamKey) -> RawStream:
        """The same under another name."""
        return RawStream(replace(self.info, key=key), self.entries)


class Editor(ABC):
    """Edits what a store keeps."""

    @abstractmethod
    def open(self) -> JournalStore:
        """The store, as a process that begins would open it."""

    @abstractmethod
    def take(self, key: StreamKey) -> RawStream:
        """A stream as it is kept."""

    @abstractmethod
    def put(self, raw: RawStream) -> None:
        """Replace the stream of that key, or add it."""

    @abstractmethod
    def remove(self, key: StreamKey) -> None:
        """Remove a stream without a trace."""

    @abstractmethod
    def copy(self) -> object:
        """A copy of the whole store."""

    @abstractmethod
    def restore(self, copied: object) -> None:
        """Put a copy in the place of the store."""

    def cut_tail(self, key: StreamKey) -> None:
        """Remove the last entry, in the way in which a careful attacker of this store would."""
        raw = self.take(key)
        self.put(raw.with_entries(raw.entries[:-1]))

    def move(self, key: StreamKey, to: StreamKey) -> None:
        """Give a stream another key."""
        raw = self.take(key)
        self.remove(key)
        self.put(raw.with_key(to))


class MemoryEditor(Editor):
    """Edits a store in memory; opening it anew gives the same object, as nothing else survives."""

    def __init__(self, place: Path) -> None:
        self._store = MemoryJournalStore()

    def open(self) -> JournalStore:
        return self._store

    def take(self, key: StreamKey) -> RawStream:
        kept = self._store._streams[key]
        return RawStream(kept.info, tuple(kept.entries))

    def put(self, raw: RawStream) -> None:
        key = raw.info.key
        kept = self._store._streams.setdefault(key, _StoredStream(next(self._store._places), raw.info))
        kept.info, kept.entries = raw.info, [*raw.entries]

    def remove(self, key: StreamKey) -> None:
        del self._store._streams[key]

    def copy(self) -> object:
        return deepcopy(self._store._streams)

    def restore(self, copied: object) -> None:
        assert isinstance(copied, dict)
        self._store._streams = deepcopy(copied)


class SqliteEditor(Editor):
    """Edits a store in a file."""

    def __init__(self, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._path = place / "journals.db"

    def open(self) -> JournalStore:
        return SqliteJournalStore(self._path, synchronous="normal")

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30.0, isolation_level=None)
        add_functions(connection)
        return connection

    def take(self, key: StreamKey) -> RawStream:
        with closing(self.connect()) as db:
            row = self._row(db, key)
            assert row is not None, key
            found = db.execute("SELECT * FROM entries WHERE stream = ? ORDER BY sequence", (row.id,))
            return RawStream(row.info, tuple(Entry(*columns[1:5]) for columns in found))

    def put(self, raw: RawStream) -> None:
        info = raw.info
        with closing(self.connect()) as db:
            row = self._row(db, info.key)
            if row is None:
                added = db.execute(
                    "INSERT INTO streams (tenant, user, session, kind, name, head, base, labels, created_at, "
                    "updated_at, size, seal) VALUES (?, ?, ?, ?, ?, 0, 0, '{}', 0.0, 0.0, 0, '')",
                    key_columns(info.key),
                )
                sign(db, added.lastrowid or 0)
                row = self._row(db, info.key)
            assert row is not None
            db.execute(
                "UPDATE streams SET head = ?, base = ?, labels = ?, created_at = ?, updated_at = ?, size = ?, seal = ? "
                "WHERE id = ?",
                (
                    *(info.head, info.base, label_text(info.labels), info.created_at, info.updated_at, info.size),
                    *(info.seal, row.id),
                ),
            )
            sign(db, row.id)
            db.execute("DELETE FROM labels WHERE stream = ?", (row.id,))
            for name, value in info.labels.items():
                db.execute("INSERT INTO labels VALUES (?, ?, ?)", (encoded(name), encoded(value), row.id))
            db.execute("DELETE FROM entries WHERE stream = ?", (row.id,))
            for one in raw.entries:
                draft = Draft(one.content, one.schema, one.seal)
                db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", entry_columns(row.id, one.sequence, draft))

    def remove(self, key: StreamKey) -> None:
        with closing(self.connect()) as db:
            row = self._row(db, key)
            assert row is not None, key
            for table, column in (("entries", "stream"), ("labels", "stream"), ("streams", "id")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (row.id,))

    def copy(self) -> object:
        copied = sqlite3.connect(":memory:")
        with closing(self.connect()) as db:
            db.backup(copied)
        script = "\n".join(copied.iterdump())
        copied.close()
        return script

    def restore(self, copied: object) -> None:
        assert isinstance(copied, str)
        with closing(self.connect()) as db, closing(sqlite3.connect(":memory:")) as older:
            for pragma in ("application_id", "user_version"):
                (value,) = db.execute(f"PRAGMA {pragma}").fetchone()
                older.execute(f"PRAGMA {pragma} = {value}")
            older.executescript(copied)
            older.backup(db)

    def cut_index(self, key: StreamKey) -> None:
        """Remove a stream from the index of labels alone."""
        with closing(self.connect()) as db:
            row = self._row(db, key)
            assert row is not None
            assert db.execute("DELETE FROM labels WHERE stream = ?", (row.id,)).rowcount

    def indexed(self, key: StreamKey) -> int:
        """How many labels the stream is found by."""
        with closing(self.connect()) as db:
            row = self._row(db, key)
            assert row is not None
            (count,) = db.execute("SELECT count(*) FROM labels WHERE stream = ?", (row.id,)).fetchone()
            return int(count)

    def index_falsely(self, key: StreamKey, name: str, value: str) -> None:
        """Have a stream be found by a label that it does not have."""
        with closing(self.connect()) as db:
            row = self._row(db, key)
            assert row is not None
            db.execute("INSERT INTO labels VALUES (?, ?, ?)", (encoded(name), encoded(value), row.id))

    @staticmethod
    def _row(db: sqlite3.Connection, key: StreamKey) -> StreamRow | None:
        found = db.execute(
            f"SELECT {COLUMNS} FROM streams WHERE tenant = ? AND user = ? AND session = ? AND kind = ? AND name = ?",
            key_columns(key),
        ).fetchone()
        return None if found is None else StreamRow(found)
