"""Wraps the calls that a store makes, in the process that is to die; see `points`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from psycopg import AsyncConnection, AsyncTransaction

from lightagent.adapters._sqlite.connection import Database
from tests.support.crashes.points import Trigger

_PAGE: Final = 4096


def wrap_calls(trigger: Trigger) -> None:
    """Let the trigger decide at each call of each kind of store."""
    _wrap_system(trigger)
    _wrap_sqlite(trigger)
    _wrap_postgres(trigger)


def _replace(owner: object, **functions: object) -> None:
    for name, function in functions.items():
        setattr(owner, name, function)


def _real(owner: object, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(owner, name)
    return function


def _wrap_system(trigger: Trigger) -> None:
    """Writes, syncs, and what gives, takes or changes the name of a file."""
    files = _Files(trigger)
    _replace(os, open=files.open, pwrite=files.pwrite, fdatasync=files.fdatasync)
    for name, path_at in {"ftruncate": 0, "unlink": 0, "replace": 1}.items():
        _replace(os, **{name: files.around(name, path_at)})


class _Files:
    """The system's functions; it knows the paths of open files, and what of each was not synced."""

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._paths = dict[int, str]()
        self._unsynced = dict[str, int]()  # From which byte on the disk may lack what was written.
        self._open, self._pwrite, self._fdatasync = os.open, os.pwrite, os.fdatasync
        trigger.lose_unsynced = self._lose_unsynced

    def open(self, path: str | Path, flags: int, mode: int = 0o777) -> int:
        file = self._open(path, flags, mode)
        self._paths[file] = str(path)
        return file

    def pwrite(self, file: int, data: memoryview, at: int) -> int:
        where = self._paths.get(file, "")
        self._trigger.kill("pwrite", "before", where)
        if self._trigger.hits("pwrite", "within", where):
            self._pwrite(file, data[: self._trigger.chance.randrange(1, len(data))], at)
            self._trigger.die()
        self._unsynced[where] = min(at, self._unsynced.get(where, at))
        return self._pwrite(file, data, at)

    def fdatasync(self, file: int) -> None:
        where = self._paths.get(file, "")
        self._trigger.kill("fdatasync", "before", where)
        self._fdatasync(file)
        self._unsynced.pop(where, None)
        self._trigger.kill("fdatasync", "after", where)

    def around(self, name: str, path_at: int) -> Callable[..., object]:
        real = _real(os, name)

        def called(*arguments: int | str | Path) -> object:
            named = arguments[path_at]
            where = self._paths.get(named, "") if isinstance(named, int) else str(named)
            self._trigger.kill(name, "before", where)
            result = real(*arguments)
            self._trigger.kill(name, "after", where)
            return result

        return called

    def _lose_unsynced(self) -> None:
        for where, start in self._unsynced.items():
            file = Path(where)
            if file.exists() and (size := file.stat().st_size) > start:
                os.truncate(file, self._trigger.chance.randrange(start, size))


def _wrap_sqlite(trigger: Trigger) -> None:
    """The statements of a connection, which SQLite carries out in this process."""

    class Watched(Database):
        """Dies before, within or after a statement."""

        def execute(self, sql: str, parameters: object = (), /) -> sqlite3.Cursor:
            trigger.kill(sql, "before")
            before = _files_of(self) if trigger.hits(sql, "within") else None
            cursor: sqlite3.Cursor = _real(super(), "execute")(sql, parameters)
            if before is not None:
                cursor.fetchall()
                _carry_out_a_part(before, _files_of(self), trigger)
                trigger.die()
            trigger.kill(sql, "after")
            return cursor

        def executemany(self, sql: str, parameters: object, /) -> sqlite3.Cursor:
            trigger.kill(sql, "before")
            cursor: sqlite3.Cursor = _real(super(), "executemany")(sql, parameters)
            trigger.kill(sql, "after")
            return cursor

    real_connect = _real(sqlite3, "connect")
    _replace(sqlite3, connect=lambda path, **options: real_connect(path, **{**options, "factory": Watched}))


def _files_of(connection: sqlite3.Connection) -> dict[Path, bytes]:
    """The database and its log, as they stand in the file system."""
    rows = connection.cursor().execute("PRAGMA database_list").fetchall()
    path = Path(rows[0][2])
    return {file: file.read_bytes() for file in (path, Path(f"{path}-wal")) if file.exists()}


def _carry_out_a_part(before: dict[Path, bytes], after: dict[Path, bytes], trigger: Trigger) -> None:
    """Leave the files as if the process had died while SQLite wrote to them.

    A commit writes frames to the end of the log. A checkpoint writes pages from the log into the database, in any
    order, and empties the log once all are there.
    """
    chance = trigger.chance
    for file, new in after.items():
        old = before.get(file, b"")
        if file.name.endswith("-wal"):
            grown = new.startswith(old) and len(new) > len(old)
            file.write_bytes(new[: chance.randrange(len(old), len(new))] if grown else old)
        else:
            pages = range(0, len(new), _PAGE)
            parts = [(new, old)[chance.random() < 0.5][at : at + _PAGE] or new[at : at + _PAGE] for at in pages]
            file.write_bytes(b"".join(parts))


def _wrap_postgres(trigger: Trigger) -> None:
    """Statements and commits that are sent to a server, which may carry them out after the death of who sent them."""
    real_execute, real_exit = _real(AsyncConnection, "execute"), _real(AsyncTransaction, "__aexit__")

    async def execute(self: object, query: object, *arguments: object, **options: object) -> object:
        text = query.decode() if isinstance(query, bytes) else str(query)
        return await _around(trigger, text, lambda: real_execute(self, query, *arguments, **options))

    async def leave(self: object, *failure: object) -> object:
        return await _around(trigger, "COMMIT", lambda: real_exit(self, *failure))

    _replace(AsyncConnection, execute=execute)
    _replace(AsyncTransaction, __aexit__=leave)


async def _around(trigger: Trigger, text: str, call: Callable[[], Awaitable[object]]) -> object:
    trigger.kill(text, "before")
    if trigger.hits(text, "within"):
        sent = asyncio.ensure_future(call())
        for _ in range(trigger.chance.randrange(1, 4)):  # In the first of these turns of the loop it is sent.
            await asyncio.sleep(0)
        trigger.die()
        return await sent
    result = await call()
    trigger.kill(text, "after")
    return result
