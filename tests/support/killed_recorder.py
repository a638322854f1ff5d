"""A program whose forks are killed at named points of what a recorded memory does.

    python -m tests.support.killed_recorder FOLDER

For each point it writes three memories in a folder of that name, begins the deed of the point, and is killed there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.memory import _streams
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import memory_keys
from lightagent.ports.memory import OwnerSelection
from tests.support.wrapped_journals import WrappedStore

ANN: Final = MemoryOwner("bank", "acme", "ann")
OF_ANN: Final = OwnerSelection(*ANN.parts)

POINTS: Final[Mapping[str, tuple[str, str, int]]] = {
    "write, before the store has it": ("write", "store", 0),
    "write, before it is on record": ("write", "journal", 0),
    "write, before it is acknowledged": ("write", "journal", 1),
    "forget, before it is on record": ("forget", "journal", 0),
    "forget, before the store has done it": ("forget", "store", 0),
    "forget, before it is acknowledged": ("forget", "store", 1),
    "erase, before the store has done it": ("erase", "store", 0),
    "erase, before older entries are removed": ("erase", "store", 1),
}
"""What is done, and at whose write it is killed: before it (0), or after it (1)."""


def record_of(name: str) -> MemoryRecord:
    """A memory of Ann's."""
    return MemoryRecord(name, ANN, f"What {name} says.", {"source": "user"}, 1.0)


class _Fuse:
    """Kills the process at a point, once it is lit."""

    def __init__(self, where: str, after: int) -> None:
        self.where, self.after = where, after
        self.is_lit = False

    def at(self, where: str, after: int) -> None:
        if self.is_lit and (where, after) == (self.where, self.after):
            os.kill(os.getpid(), signal.SIGKILL)


class _Journal(WrappedStore):
    """A journal store that is killed at a write of its own."""

    def __init__(self, path: Path, fuse: _Fuse) -> None:
        super().__init__(SqliteJournalStore(path))
        self._fuse = fuse

    async def before(self, *, writes: bool) -> None:
        if writes:
            self._fuse.at("journal", 0)

    async def after(self, *, writes: bool) -> None:
        if writes:
            self._fuse.at("journal", 1)


class _Store(SqliteMemory):
    """A store that is killed at a write of its own."""

    def __init__(self, path: Path, fuse: _Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        self._fuse.at("store", 0)
        await super().write(records)
        self._fuse.at("store", 1)

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        self._fuse.at("store", 0)
        count = await super().forget(selection, memory_ids)
        self._fuse.at("store", 1)
        return count


def memory_at(place: Path, fuse: _Fuse | None = None) -> tuple[SealedMemory, SqliteMemory]:
    """The recorded memory in a folder, and the store behind it."""
    fuse = fuse or _Fuse("", 0)
    store = _Store(place / "memory.db", fuse)
    journal = _Journal(place / "journal.db", fuse)
    return SealedMemory(store, memory_keys("bank", {"k1": "k" * 40}), journal), store


async def _die(place: Path, deed: str, fuse: _Fuse) -> None:
    memory, _ = memory_at(place, fuse)
    await memory.write([record_of(name) for name in ("m1", "m2", "m3")])
    fuse.is_lit = True
    if deed == "write":
        await memory.write([record_of("m4")])
    else:
        await memory.forget(OF_ANN, ["m2"] if deed == "forget" else None)


def main(folder: str) -> None:
    """Die at every point."""
    _streams.LEASE = 0.2
    for point, (deed, where, after) in POINTS.items():
        place = Path(folder) / point
        place.mkdir()
        child = os.fork()
        if child == 0:
            asyncio.run(_die(place, deed, _Fuse(where, after)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{point}: {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'lived'}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
