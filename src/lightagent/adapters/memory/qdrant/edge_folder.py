"""A collection of the edge engine: a folder within the folder, which one process opens at a time.

It is made under another name and moved to its place when it is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import qdrant_edge as edge

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant.folders import in_use, locked
from lightagent.adapters.memory.qdrant.points import FORMAT, KEYWORDS, NUMBERS, TENANTS, TERMS, WRITTEN, vector_name
from lightagent.domain.errors import LightAgentError, StoreError

_SPACE: Final = "lightagent_memory.json"


@dataclass(slots=True)
class Shard:
    """A collection that is open.

    Attributes:
        place: its folder.
        lock: keeps other processes out.
        kept: None if the collection does not exist yet.
        is_changed: whether something was written that the disk may not have yet.
    """

    place: Path
    lock: IO[str]
    kept: edge.EdgeShard | None
    is_changed: bool = False

    def there(self) -> edge.EdgeShard:
        """The collection, which was prepared."""
        if self.kept is None:
            raise StoreError(
                f"The Qdrant folder {self.place} was removed.",
                guidance="Close the memory: its next use creates the collection again.",
            )
        return self.kept


def open_shard(place: Path) -> Shard:
    """The collection of a folder, or none yet.

    Raises:
        StoreError: another process has it open, or it cannot be read.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = locked(place.with_name(f".{place.name}.lock"))
    except BlockingIOError as exc:
        raise in_use(place) from exc
    except OSError as exc:
        raise StoreError(
            f"The Qdrant folder {place} cannot be opened: {exc}", guidance="Check that it may be read and written."
        ) from exc
    try:
        with translate_errors(place):
            return Shard(place, lock, edge.EdgeShard.load(str(place)) if place.exists() else None)
    except BaseException:
        lock.close()
        raise


def close_shard(shard: Shard) -> None:
    """Close it, and let other processes in."""
    with closing(shard.lock):
        if shard.kept is not None:
            shard.kept.close()


@contextmanager
def on_disk(shard: Shard) -> Generator[None, None, None]:
    """What is changed within it is on the disk after it: one wait for the disk serves all who wrote together."""
    yield
    if shard.is_changed and shard.kept is not None:
        with translate_errors(shard.place):
            shard.kept.flush()
        shard.is_changed = False


@contextmanager
def translate_errors(place: Path) -> Generator[None, None, None]:
    """Within it, what the engine raises is raised as `StoreError`.

    It raises nothing more special than `Exception`; and where it panics, as over a damaged file, what is not even one.
    """
    try:
        yield
    except LightAgentError:
        raise
    except BaseException as exc:
        raise StoreError(
            f"The Qdrant folder {place}: {type(exc).__name__}: {str(exc)[:500]}",
            guidance="Check that there is room on the disk and that it may be written. If it is damaged, close the "
            "memory and restore the folder from a backup.",
        ) from exc


def prepare(shard: Shard, space: Space) -> None:
    """Make the collection, or see whether it is one that vectors of this space may be kept in.

    Raises:
        StoreError: it is not one of a memory.
        ConfigurationError: another embedder made its vectors.
    """
    if shard.kept is None:
        _create(shard.place, space)
        shard.kept = edge.EdgeShard.load(str(shard.place))
    check(shard, space)


def check(shard: Shard, space: Space) -> None:
    """Raise as `prepare` does unless vectors of this space are kept in it."""
    space.check_against(_stored_space(shard), f"The Qdrant folder {shard.place}")


def bring_over(shard: Shard, space: Space) -> None:
    """Make room for vectors of this space, and remove those of another.

    It is written down last: where it breaks off before, the folder is still the other embedder's.
    """
    if shard.kept is None:
        return prepare(shard, space)
    kept = _stored_space(shard)
    if kept == space:
        return None
    if kept.embedder:
        shard.kept.update(edge.UpdateOperation.delete_vector_name(vector_name(kept)))
    if space.embedder:
        name, size = vector_name(space), space.dimension
        shard.kept.update(edge.UpdateOperation.create_dense_vector(name, size, edge.Distance.Dot))
    shard.kept.flush()
    _tell_space(shard.place, space)
    return None


def _create(place: Path, space: Space) -> None:
    new = place.with_name(f".{place.name}.new")
    if new.exists():  # A process ended before it was whole, and so before anything was in it.
        shutil.rmtree(new)
    new.mkdir()
    dense = {vector_name(space): edge.EdgeVectorParams(size=space.dimension, distance=edge.Distance.Dot)}
    config = edge.EdgeConfig(
        vectors=dense if space.embedder else None,
        sparse_vectors={TERMS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000, payload_m=16),
    )
    shard = edge.EdgeShard.create(str(new), config)
    with closing(shard):
        for field in KEYWORDS:
            how = edge.KeywordIndexParams(is_tenant=field in TENANTS, enable_hnsw=field == "owner")
            shard.update(edge.UpdateOperation.create_field_index(field, how))
        for field in NUMBERS:
            shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Float))
        shard.update(edge.UpdateOperation.create_field_index(WRITTEN, edge.PayloadSchemaType.Integer))
        shard.flush()
    _tell_space(new, space)
    new.rename(place)


def _stored_space(shard: Shard) -> Space:
    try:
        told: object = json.loads((shard.place / _SPACE).read_text("utf-8"))
    except (OSError, ValueError):
        told = None
    match told:
        case {"version": int(version), "embedder": str(embedder), "dimension": int(dimension)} if version == FORMAT:
            return Space(embedder, dimension)
        case _:
            raise StoreError(
                f"The Qdrant folder {shard.place} is not one that this release made for memories.",
                guidance="Name another folder or collection.",
            )


def _tell_space(folder: Path, space: Space) -> None:
    told = {"version": FORMAT, "embedder": space.embedder, "dimension": space.dimension}
    new = folder / f"{_SPACE}.new"
    new.write_text(json.dumps(told), "utf-8")
    new.replace(folder / _SPACE)
