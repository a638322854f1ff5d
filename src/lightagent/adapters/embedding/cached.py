"""Embedder `cached`: stores the vectors of another embedder for texts that can be found, such as tools, in a file.

If the file cannot be read or written, the wrapped embedder is asked and the log says why.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.registry import Adapter, open_nested
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder

MOST_VECTORS: Final = 100_000
_BUSY_SECONDS: Final = 1.0
_AT_ONCE: Final = 500
"""Keys in one query; SQLite allows a thousand."""

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS vectors (space TEXT, key BLOB, vector BLOB, PRIMARY KEY (space, key))
"""
_LOGGER: Final = logging.getLogger("lightagent")


class CachedEmbedder(Embedder):
    """Stores the vectors of documents. Those of queries are not stored, because what users ask is private.

    Any number of processes may share the file. Vectors reveal much of their texts, so the file is as private as these.

    Args:
        embedder: makes the vectors that are not there yet.
        path: the file; it is created if it does not exist, readable by its owner alone.
        max_vectors: how many are kept, the newest.
    """

    def __init__(self, embedder: Embedder, path: str | Path, *, max_vectors: int = MOST_VECTORS) -> None:
        self._embedder = embedder
        self._file = _VectorFile(Path(path).expanduser().absolute(), max_vectors)

    @property
    def name(self) -> str:
        """The name of the wrapped embedder, since the vectors are the same."""
        return self._embedder.name

    @property
    def dimension(self) -> int | None:
        return self._embedder.dimension

    @property
    def max_batch(self) -> int:
        return self._embedder.max_batch

    def __repr__(self) -> str:
        return f"CachedEmbedder({self._embedder!r})"

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> Sequence[Vector]:
        if role != "document" or not texts:
            return await self._embedder.embed(texts, role)
        space = self._embedder.name
        keys = [sha256(text.encode("utf-8", "replace")).digest() for text in texts]
        found = await run_in_thread(self._file.read, space, keys, self._embedder.dimension)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            made = await self._embedder.embed([*missing.values()], role)
            new = dict(zip(missing, made, strict=True))
            if {len(vector) for vector in found.values()} - {len(vector) for vector in new.values()}:
                # The stored vectors are from another model of the same name.
                new = dict(zip(keys, await self._embedder.embed(texts, role), strict=True))
            found |= new
            await run_in_thread(self._file.write, space, new)
        return [found[key] for key in keys]

    async def aclose(self) -> None:
        await self._embedder.aclose()


class _VectorFile:
    """The file, opened for each use. Its errors are logged once and not raised."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        self._has_warned = False

    def read(self, space: str, keys: Sequence[bytes], dimension: int | None) -> dict[bytes, Vector]:
        """Return the stored vectors of these keys."""
        found: list[tuple[object, object]] = []
        with self._errors_logged(), closing(self._opened()) as connection:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                query = f"SELECT key, vector FROM vectors WHERE space = ? AND key IN ({marks})"
                found += connection.execute(query, (space, *some))
        return dict(_valid(found, dimension))

    def write(self, space: str, vectors: Mapping[bytes, Vector]) -> None:
        """Add vectors, and delete the oldest beyond the limit."""
        rows = [(space, key, vector.tobytes()) for key, vector in vectors.items()]
        oldest = "DELETE FROM vectors WHERE rowid <= (SELECT max(rowid) FROM vectors) - ?"
        with self._errors_logged(), closing(self._opened()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            connection.execute(oldest, (self._most,))

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS)
        try:
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _errors_logged(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            if not self._has_warned:
                self._has_warned = True
                _LOGGER.warning("Vectors cannot be stored in %s: %s", self._path, exc)


def _valid(rows: Iterable[tuple[object, object]], dimension: int | None) -> Iterator[tuple[bytes, Vector]]:
    """Yield the rows that hold valid vectors of one dimension; the others are computed again."""
    for key, stored in rows:
        if not isinstance(key, bytes) or not isinstance(stored, bytes) or not stored or len(stored) % 4:
            continue
        vector = array("f", stored)
        dimension = dimension or len(vector)
        if len(vector) == dimension and all(map(isfinite, vector)):
            yield key, vector


class CachedOptions(BaseModel):
    """Options of the kind `cached`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: str = Field(min_length=1, description="the file in which vectors are kept")
    embedder: JsonObject = Field(description="the embedder behind: a kind and its options")
    max_vectors: int = Field(MOST_VECTORS, ge=1, description="how many are kept, the newest")

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Show the options without the secrets of the embedder."""
        yield from shown_options(self)


def _open(options: CachedOptions) -> CachedEmbedder:
    at = "embedding.embedder"
    embedder = open_nested("embedding", options.embedder, at=at, example="onnx")
    if not isinstance(embedder, Embedder):
        raise ConfigurationError(
            f"{at}.kind: {options.embedder['kind']!r} is not an embedder, but a {type(embedder).__name__}."
        )
    return CachedEmbedder(embedder, options.path, max_vectors=options.max_vectors)


ADAPTER = Adapter(CachedOptions, _open)
