"""Keeps the local mode of qdrant-client from carrying out what a folder says.

It keeps each point as a pickle, and a pickle can call any function when it is read. So a folder is looked through
before the client reads it: its pickles may name the classes of points and of vectors, and nothing else.
"""

from __future__ import annotations

import io
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lightagent.domain.errors import StoreError

_ALLOWED: Final = frozenset(("qdrant_client.http.models.models", name) for name in ("PointStruct", "SparseVector"))


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        if (module_name, global_name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is no part of a point")
        found: object = super().find_class(module_name, global_name)
        return found


def check_pickles(folder: Path) -> None:
    """Raise `StoreError` where a pickle in a folder is not a point.

    Raises:
        sqlite3.Error: a file cannot be read.
    """
    for path in sorted(folder.glob("collection/*/storage.sqlite")):
        for content in _contents(path):
            try:
                _Reader(io.BytesIO(content)).load()
            except Exception as exc:
                raise StoreError(
                    f"{path} holds something else than points of Qdrant; it was not opened.",
                    guidance="Somebody else has written there. Restore the folder from a backup.",
                ) from exc


def _contents(path: Path) -> Iterator[bytes]:
    connection = sqlite3.connect(path)
    try:
        for (content,) in connection.execute("SELECT point FROM points"):
            yield bytes(content)
    finally:
        connection.close()
