"""Pages of a sealed store, and seals within seals."""

import asyncio

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft
from tests.support.wrapped_journals import CHAT, KEYS, SUMMER


async def test_seals_of_sealed_stores_nest() -> None:
    inner = MemoryJournalStore()
    both = SealedJournalStore(SealedJournalStore(inner, KEYS), seal_keys("market", SUMMER))
    await both.append(CHAT, [Draft("1", seal="a.b")], expected=0, at=1.0, seal="c.d")
    await both.append(CHAT, [Draft("2")], expected=1, at=1.0, seal="e")
    await both.forget(CHAT, before=2, seal="f.")
    found = await both.read(CHAT, -1)
    assert (found.entries[0].seal, found.stream.seal) == ("", "f.")


@pytest.mark.parametrize("after", [0, 1, 5, 999, 1000, 1001, 1500, 1999, 2000, 3000, -1, -999, -1000, -1500, -9999])
async def test_pages_of_any_place_and_size_are_those_of_the_store_below(after: int) -> None:
    inner = MemoryJournalStore()
    store = SealedJournalStore(inner, KEYS)
    await store.append(CHAT, [Draft(str(n)) for n in range(1, 2001)], expected=0, at=1.0)
    for base in (0, 1, 998, 1000, 1999, 2000):
        if base:
            await store.forget(CHAT, before=base + 1)
        for limit in (1, 999, 1000):
            found, raw = await store.read(CHAT, after, limit), await inner.read(CHAT, after, limit)
            assert [one.content for one in found.entries] == [one.content for one in raw.entries], (base, limit)


@pytest.mark.parametrize("after", [0, 2, 3, -1])
async def test_a_reader_waits_for_the_next_entry_though_the_one_before_is_there(after: int) -> None:
    """The entry before is read as well, and must not end the waiting."""
    store = SealedJournalStore(MemoryJournalStore(), KEYS)
    if after > 0:
        await store.append(CHAT, [Draft(str(n)) for n in range(1, after + 1)], expected=0, at=1.0)
    watcher = asyncio.create_task(store.read(CHAT, after, wait=30.0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not watcher.done()
    await store.append(CHAT, [Draft('"next"')], expected=max(after, 0), at=2.0)
    assert [entry.content for entry in (await watcher).entries] == ['"next"']
