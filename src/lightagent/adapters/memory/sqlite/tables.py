"""The tables of the database, and how its file is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lightagent.adapters._sqlite.connection import Database, Synchronous, open_file
from lightagent.adapters._sqlite.versions import Tables
from lightagent.adapters.memory.sqlite.conditions import add_functions

_APPLICATION: Final = 0x6C61676D
"""Marks a file as ours: ``lagm`` in ASCII."""
_VERSION_1: Final = (
    # An owner's number is never reused, so that index entries of forgotten memories cannot lead to another owner.
    """CREATE TABLE owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace BLOB NOT NULL, tenant BLOB NOT NULL, user BLOB NOT NULL, session BLOB NOT NULL, agent BLOB NOT NULL,
    memories INTEGER NOT NULL DEFAULT 0, terms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (namespace, tenant, user, session, agent)
) STRICT""",
    """CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, memory_id BLOB NOT NULL,
    text BLOB NOT NULL, metadata TEXT NOT NULL, written_at REAL NOT NULL, checksum INTEGER NOT NULL,
    source BLOB NOT NULL, scope BLOB NOT NULL, agent_name BLOB NOT NULL, trust_level BLOB NOT NULL,
    confidence REAL, expires_at REAL, is_injectable INTEGER NOT NULL, is_internal INTEGER NOT NULL,
    is_question INTEGER NOT NULL, terms INTEGER NOT NULL,
    UNIQUE (owner, memory_id)
) STRICT""",
    "CREATE INDEX memories_by_owner ON memories (owner, id)",
    # A term is the number of its owner, an underscore, and a stem or two neighbouring characters: what belongs to one
    # owner is a part of the index of its own, and nothing that others write changes what is found there.
    "CREATE VIRTUAL TABLE found_by USING fts5 (terms, tokenize = \"ascii tokenchars '_'\")",
    "CREATE VIRTUAL TABLE known_terms USING fts5vocab (found_by, row)",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT",
)
_VERSION_2: Final = (
    "ALTER TABLE memories ADD COLUMN valid_from REAL",
    # Of what another memory took the place of, the time at which it did.
    "ALTER TABLE memories ADD COLUMN valid_until REAL",
    """CREATE TABLE supersessions (
    owner INTEGER NOT NULL, superseded BLOB NOT NULL, since REAL NOT NULL, memory INTEGER NOT NULL,
    PRIMARY KEY (owner, superseded, since, memory)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE metadata_marks (
    owner INTEGER NOT NULL, mark INTEGER NOT NULL, memory INTEGER NOT NULL, PRIMARY KEY (owner, mark, memory)
) STRICT, WITHOUT ROWID""",
    "INSERT INTO metadata_marks SELECT m.owner, k.value, m.id FROM memories m, json_each(marks_of(m.metadata)) k",
)
STEPS: Final = (_VERSION_1, _VERSION_2)
"""What brings the tables from each version to the next, beginning with nothing. Steps are only ever added."""
_TABLES: Final = Tables("store of memories", _APPLICATION, STEPS)


def open_database(path: Path, synchronous: Synchronous, busy_seconds: float) -> Database:
    """Open a connection to the file, which is created if it does not exist.

    Raises:
        StoreError: it cannot be opened, or is not a store of memories of a version that is known here.
    """

    def prepare(connection: Database, path: Path) -> None:
        add_functions(connection)
        _TABLES.prepare(connection, path)

    return open_file(path, synchronous, busy_seconds, prepare)
