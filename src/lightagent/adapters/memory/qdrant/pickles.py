"""Keeps the local mode of qdrant-client from carrying out what a folder says.

It keeps each point as a pickle, and a pickle can call any function when it is read. So a folder is looked through
before the client reads it: its pickles may name the classes of points and of vectors, and nothing else.

What is looked at is what the client reads: it opens the collections that the folder's list names, so a name that leads
elsewhere is refused; and it reads the rows of a plain table. A view, a virtual table or a computed column of that name
could give other rows at the second reading.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from lightagent.domain.errors import StoreError

_ALLOWED: Final = frozenset(("qdrant_client.http.models.models", name) for name in ("PointStruct", "SparseVector"))
_LIST: Final = "meta.json"
_ONE_FOLDER: Final = re.compile(r"(?!\.\.?$)[^/\\\0:]+")
"""The name of a collection that is a folder within that of all collections."""
_KINDS: Final = "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = 'points' COLLATE NOCASE"
_COMPUTED: Final = "SELECT 1 FROM pragma_table_xinfo('points') WHERE hidden <> 0"


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        if (module_name, global_name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not part of a point")
        found: object = super().find_class(module_name, global_name)
        return found


def check_pickles(folder: Path) -> None:
    """Raise `StoreError` where a pickle in a folder is not a point, or where the client would read another one.

    Raises:
        sqlite3.Error: a file cannot be read.
        ValueError: the list of the collections cannot be.
    """
    for path in _storages(folder):
        for content in _contents(path):
            try:
                if not isinstance(content, bytes):
                    raise pickle.UnpicklingError("it is not a pickle")
                _Reader(io.BytesIO(content)).load()
            except Exception as exc:
                raise _not_ours(path) from exc


def _storages(folder: Path) -> Iterator[Path]:
    """The files that the client opens."""
    try:
        told: object = json.loads((folder / _LIST).read_text("utf-8"))
    except FileNotFoundError:
        return
    collections = told.get("collections") if isinstance(told, dict) else None
    for name in collections if isinstance(collections, dict) else ():
        if not _ONE_FOLDER.fullmatch(name):
            raise _not_ours(folder / _LIST)
        path = folder / "collection" / name / "storage.sqlite"
        if path.exists():
            yield path


def _contents(path: Path) -> Iterator[object]:
    with closing(sqlite3.connect(path)) as connection:
        kinds = [kind for (kind,) in connection.execute(_KINDS)]
        if not kinds:  # The client makes the table.
            return
        if kinds != ["table"] or connection.execute(_COMPUTED).fetchone() is not None:
            raise _not_ours(path)
        for (content,) in connection.execute("SELECT point FROM points"):
            yield content


def _not_ours(path: Path) -> StoreError:
    return StoreError(
        f"{path} holds something else than points of Qdrant; it was not opened.",
        guidance="Another program wrote to it. Restore the folder from a backup.",
    )
