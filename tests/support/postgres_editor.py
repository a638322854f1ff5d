"""Whoever can write to the tables of a store in PostgreSQL, and makes its checksums anew."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import psycopg

from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.journals.postgres.reading import _COLUMNS
from lightagent.adapters.journals.postgres.rows import (
    checksum_of,
    digest_of,
    info_of,
    key_columns,
    label_text,
    marks_of,
)
from lightagent.domain.journals.streams import Entry, StreamKey
from lightagent.ports.journals import JournalStore
from tests.servers.postgres import PostgresServer
from tests.support.journal_editor import Editor, RawStream

_TABLES = ("streams", "entries")
_MARKS = _COLUMNS.split(", ").index("marks")


class PostgresEditor(Editor):
    """Edits a store in a schema of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._url, self._schema = server.url, f"edited_{uuid4().hex}"

    def open(self) -> JournalStore:
        return PostgresJournalStore(self._url, schema_name=self._schema)

    def take(self, key: StreamKey) -> RawStream:
        ((*row,),) = self._rows(f"SELECT {_COLUMNS}, 0.0::float8 FROM {{}}.streams WHERE digest = %s", digest_of(key))
        found = self._rows(
            "SELECT sequence, content, schema, seal FROM {}.entries WHERE stream = %s ORDER BY sequence", row[0]
        )
        entries = [Entry(int(str(one[0])), str(one[1]), int(str(one[2])), str(one[3])) for one in found]
        row[_MARKS] = marks_of(json.loads(str(row[_MARKS - 1])))  # They may be what was edited.
        return RawStream(replace(info_of(row), holder="", lease_left=0.0), tuple(entries))

    def put(self, raw: RawStream) -> None:
        info = raw.info
        digest = digest_of(info.key)
        self._rows(
            "INSERT INTO {}.streams (digest, tenant, owner_user, owner_session, kind, name) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            digest,
            *key_columns(info.key).values(),
        )
        self._rows(
            "UPDATE {}.streams SET head = %s, base = %s, labels = %s, marks = %s, created_at = %s, updated_at = %s, "
            "size = %s, seal = %s WHERE digest = %s",
            *(info.head, info.base, label_text(info.labels), marks_of(info.labels)),
            *(float(info.created_at), float(info.updated_at), info.size, info.seal, digest),
        )
        ((number,),) = self._rows("SELECT id FROM {}.streams WHERE digest = %s", digest)
        self._rows("DELETE FROM {}.entries WHERE stream = %s", number)
        for one in raw.entries:
            checksum = checksum_of(digest, one.sequence, one.content, one.schema, one.seal)
            self._rows(
                "INSERT INTO {}.entries VALUES (%s, %s, %s, %s, %s, %s)",
                *(number, one.sequence, one.content, one.schema, one.seal, checksum),
            )

    def remove(self, key: StreamKey) -> None:
        ((number,),) = self._rows("DELETE FROM {}.streams WHERE digest = %s RETURNING id", digest_of(key))
        self._rows("DELETE FROM {}.entries WHERE stream = %s", number)

    def copy(self) -> object:
        return {table: self._rows(f"SELECT * FROM {{}}.{table}") for table in _TABLES}

    def restore(self, copied: object) -> None:
        assert isinstance(copied, dict)
        for table in _TABLES:
            self._rows(f"DELETE FROM {{}}.{table}")
            for row in copied[table]:
                places = ", ".join(["%s"] * len(row))
                self._rows(f"INSERT INTO {{}}.{table} OVERRIDING SYSTEM VALUE VALUES ({places})", *row)

    def cut_index(self, key: StreamKey) -> None:
        self._rows("UPDATE {}.streams SET marks = ARRAY[]::bytea[] WHERE digest = %s", digest_of(key))

    def indexed(self, key: StreamKey) -> int:
        ((count,),) = self._rows("SELECT cardinality(marks) FROM {}.streams WHERE digest = %s", digest_of(key))
        return int(str(count))

    def drop(self) -> None:
        """Leave nothing behind."""
        self._rows("DROP SCHEMA IF EXISTS {} CASCADE")

    def _rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(statement.replace("{}", self._schema).encode(), values)
            return cursor.fetchall() if cursor.description else []
