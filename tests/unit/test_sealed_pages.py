"""Pages of a sealed store, and seals within seals."""

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.domain.journal_seals import seal_keys
from lightagent.domain.journal_streams import Draft
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
        for limit in (1, 2, 999, 1000):
            found, raw = await store.read(CHAT, after, limit), await inner.read(CHAT, after, limit)
            assert [one.content for one in found.entries] == [one.content for one in raw.entries], (base, limit)
