"""A program that writes memories until it is killed, and prints which were acknowledged.

    python -m tests.support.killed_memory KIND OPTIONS MODULE...

It imports the modules, and for each line of its input, which is a number, forks a child that writes memories from that
number on, a few at once. The child prints its process id first, and then the number of each memory after its
acknowledgement, and not before. When the child has ended, "ended" is printed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from typing import Final

from lightagent.adapters.registry import open_adapter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryStore

OWNER: Final = MemoryOwner("bank", "acme", "ann")
_WRITERS: Final = 4


def record_of(number: int) -> MemoryRecord:
    """The memory of a number."""
    text = f"memory{number} of many " + f"with words {number % 7} " * (number % 50)
    return MemoryRecord(f"m{number}", OWNER, text, {"source": "user", "number": number}, float(number))


async def _write(store: MemoryStore, number: int) -> None:
    while True:
        await store.write([record_of(number)])
        _say(str(number))
        number += _WRITERS


async def _write_all(kind: str, options: str, first: int) -> None:
    store = open_adapter("memory", kind, json.loads(options))
    assert isinstance(store, MemoryStore)
    async with asyncio.TaskGroup() as tasks:
        for writer in range(_WRITERS):
            tasks.create_task(_write(store, first + writer))


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(kind: str, options: str, *modules: str) -> None:
    """Write until the input ends."""
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _say(f"pid {os.getpid()}")
            asyncio.run(_write_all(kind, options, int(line)))
            os._exit(0)
        os.waitpid(child, 0)
        _say("ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
