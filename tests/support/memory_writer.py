"""A program that remembers without pause, and says what was acknowledged: `python -m tests.support.memory_writer`.

    memory_writer KIND OPTIONS NAME COUNT

It writes COUNT memories of NAME's, two a call, and prints the number of each call once it has returned. Every tenth
time it forgets what it wrote ten calls ago.
"""

from __future__ import annotations

import asyncio
import json
import sys

from lightagent.adapters.registry import open_adapter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryStore, OwnerSelection


def records_of(name: str, number: int) -> list[MemoryRecord]:
    """What one call writes."""
    owner = MemoryOwner("tests", "acme", name)
    return [
        MemoryRecord(f"{number}/{part}", owner, f"call {number} part {part} " + "tea " * (number % 50), {}, 1.0)
        for part in range(2)
    ]


def say(line: str) -> None:
    """Tell whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def write(store: MemoryStore, name: str, count: int) -> None:
    """Write until there are enough, or somebody ends this."""
    for number in range(count):
        if number % 10 == 9:
            old = [record.memory_id for record in records_of(name, number - 9)]
            await store.forget(OwnerSelection("tests", "acme", name), old)
            say(f"forgot {number - 9}")
        await store.write(records_of(name, number))
        say(f"wrote {number}")
    await store.aclose()


def main() -> None:
    """Read the arguments, and write."""
    kind, options, name, count = sys.argv[1:]
    store = open_adapter("memory", kind, json.loads(options))
    assert isinstance(store, MemoryStore)
    asyncio.run(write(store, name, int(count)))


if __name__ == "__main__":
    main()
