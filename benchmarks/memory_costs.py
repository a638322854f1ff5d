"""What remembering and recalling cost in SQLite, with many memories.

    python benchmarks/memory_costs.py
    python benchmarks/memory_costs.py --memories 10000 --owners 100

The memories are random sentences, whose words are as frequent as those of a language (Zipf's law). CPU is that of this
process, its threads included. `write` is one memory a call, on disk when it returns.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord

_WORDS = 20_000
LENGTH = 14
QUESTION = 6
_AT_ONCE = 500
_ASKED = 100
_WRITTEN = 50


class Language:
    """Sentences of words that are as frequent as those of a language."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._words = ["".join(self._chance.choices("bdfgklmnprstv", k=7)) for _ in range(_WORDS)]
        self._weights = [1 / (place + 5) for place in range(_WORDS)]

    def sentence(self, length: int) -> str:
        """So many words."""
        return " ".join(self._chance.choices(self._words, self._weights, k=length))


async def fill(store: SqliteMemory, language: Language, owners: Sequence[MemoryOwner], count: int) -> float:
    """Write so many memories, and give the milliseconds of CPU that each took."""
    began = time.process_time()
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(count, start + _AT_ONCE))
        await store.write([_memory(language, owners, number) for number in numbers])
    return (time.process_time() - began) / count * 1000


def _memory(language: Language, owners: Sequence[MemoryOwner], number: int) -> MemoryRecord:
    owner = owners[number % len(owners)]
    return MemoryRecord(f"m{number}", owner, language.sentence(LENGTH), {"source": "user"}, number * 10_000.0)


async def measure(count: int, owner_count: int, place: Path) -> None:
    """Print a line of the table."""
    language, owners = Language(7), [MemoryOwner("bank", f"tenant {number}") for number in range(owner_count)]
    store = SqliteMemory(place / f"{owner_count}.db")
    batched = await fill(store, language, owners, count)
    recalls, writes = [], []
    for number in range(_ASKED):
        question = language.sentence(QUESTION)
        began = time.process_time()
        await store.recall(owners[number * 7919 % owner_count], question, 5, RecallFilter(time.time()))
        recalls.append((time.process_time() - began) * 1000)
    for number in range(count, count + _WRITTEN):
        one = _memory(language, owners, number)
        began = time.process_time()
        await store.write([one])
        writes.append((time.process_time() - began) * 1000)
    await store.aclose()
    print(
        f"| {count:,} | {owner_count:,} | {mean(recalls):.2f} | {median(recalls):.2f} | {mean(writes):.2f} "
        f"| {batched:.2f} | {(place / f'{owner_count}.db').stat().st_size / 1e6:.0f} |",
        flush=True,
    )


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=100_000, help="how many there are")
    parser.add_argument("--owners", type=int, action="append", help="how many they belong to; repeatable")
    chosen = parser.parse_args()
    print("| memories | owners | recall, mean ms | median ms | write, ms | in batches, ms | MB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for owners in chosen.owners or (1, 100, 5_000):
            asyncio.run(measure(chosen.memories, owners, Path(place)))


if __name__ == "__main__":
    main()
