"""Many at once, from several event loops and threads; and a few memories among many of others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import (
    ANN,
    PATIENCE,
    Play,
    StoreUnderTest,
    memory,
    read_all,
    recalled,
)

_WRITERS = 100
_THREADS = 4
_WORDS = 6
_BATCH = 500


class CrowdsContract(StoreUnderTest):
    """Crowds."""

    def test_many_write_at_once_and_all_is_there(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            owners = [MemoryOwner("bank", "acme", f"user {number % 10}") for number in range(_WRITERS)]
            texts = [f"writer{number} likes tea" for number in range(_WRITERS)]
            records = [memory(f"m{number}", texts[number], owners[number]) for number in range(_WRITERS)]
            await asyncio.wait_for(asyncio.gather(*(store.write([record]) for record in records)), PATIENCE)
            for number, owner in enumerate(owners):
                assert texts[number] in await recalled(store, f"writer{number}", owner, limit=1)
            if "read" in store.supports:
                assert sorted(record.text for record in await read_all(store)) == sorted(texts)

        play(story)

    def test_it_serves_several_event_loops_and_threads(self, tmp_path: Path) -> None:
        store = self.open(tmp_path)

        def work(thread: int) -> None:
            async def story() -> None:
                for number in range(_WORDS):
                    word = "klmn"[thread] * 3 + "pqrstu"[number] * 3
                    await store.write([memory(word, f"I like {word}")])
                    assert await recalled(store, word, limit=1) == [f"I like {word}"]

            asyncio.run(asyncio.wait_for(story(), PATIENCE))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(work, range(_THREADS)))

        async def count() -> None:
            if "read" in store.supports:
                assert len(await read_all(store)) == _WORDS * _THREADS
            await store.aclose()

        asyncio.run(count())

    def test_a_few_are_found_among_many_nearer_ones_of_others(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            query = "green tea with honey"
            others = [
                memory(f"o{number}", query, MemoryOwner("bank", f"tenant {number % 50}", "ann"))
                for number in range(self.crowd)
            ]
            for start in range(0, len(others), _BATCH):
                await store.write(others[start : start + _BATCH])
            own = [f"Of {number} drinks one was green." for number in range(20)]
            await store.write([memory(f"a{place}", text) for place, text in enumerate(own)])
            found = await recalled(store, query)
            assert len(found) == 5
            assert set(found) <= set(own)
            if "read" in store.supports:
                assert len(await read_all(store, OwnerSelection(*ANN.parts))) == 20

        play(story)
