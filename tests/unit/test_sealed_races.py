"""Many who write, prune, forget and read a sealed store at once."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore, StoreHeads
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import (
    ANN,
    CHAT,
    KEYS,
    HeldHeads,
    HeldStore,
    SlowStore,
    contents,
    faults,
)


@pytest.mark.parametrize("with_heads", [False, True])
async def test_many_who_write_prune_forget_and_read_at_once_never_see_a_false_alarm(
    tmp_path: Path, with_heads: bool
) -> None:
    """Two processes, as it were: each has objects of its own."""
    keys = [StreamKey(ANN, "session", name) for name in ("one", "two")]
    stores = [
        SealedJournalStore(
            SqliteJournalStore(tmp_path / "journals.db", synchronous="normal"),
            KEYS,
            FileHeads(tmp_path / "heads", fsync=False) if with_heads else None,
        )
        for _ in range(2)
    ]
    chance, counts = random.Random(7), dict.fromkeys(("append", "read", "prune", "forget", "list", "subject"), 0)

    async def act(store: JournalStore) -> None:
        for _ in range(60):
            key = chance.choice(keys)
            deed = chance.choices([*counts], weights=[8, 4, 2, 2, 2, 1])[0]
            counts[deed] += 1
            head = (await store.read(key)).stream.head
            with suppress(StreamConflict):
                if deed == "append":
                    await store.append(key, [Draft("1"), Draft("2")], expected=head, at=1.0, labels={"a": str(head)})
                elif deed == "prune":
                    await store.forget(key, before=head)
                elif deed == "forget":
                    await store.forget(key, expected=head)
                elif deed == "subject":
                    await store.forget(ANN)
                elif deed == "list":
                    assert (await store.list(StreamQuery(kind="session"))).unreadable == ()

    await asyncio.gather(*(act(store) for store in stores for _ in range(3)))
    assert min(counts.values()) > 5
    for store in stores:
        assert await faults(store) == []
        await store.aclose()


async def test_two_streams_that_were_announced_together_are_not_taken_for_one() -> None:
    """One is begun, gone on with and forgotten; then comes the other, and only then the note about the first."""
    inner, heads = MemoryJournalStore(), StoreHeads(MemoryJournalStore(), "shop")
    slow_store, slow_heads = HeldStore(inner), HeldHeads(heads)
    second = asyncio.create_task(
        SealedJournalStore(slow_store, KEYS, heads).append(CHAT, [Draft("second")], expected=0, at=1.0)
    )
    await slow_store.reached.wait()
    first = SealedJournalStore(inner, KEYS, slow_heads)
    await first.append(CHAT, [Draft("first")], expected=0, at=1.0)
    slow_heads.held = True
    going_on = asyncio.create_task(first.append(CHAT, [Draft("more")], expected=1, at=1.0))
    await slow_heads.reached.wait()
    other = SealedJournalStore(inner, KEYS, heads, patience=0)
    assert await other.forget(CHAT) == 1
    slow_store.go_on.set()
    assert await second == 1
    slow_heads.go_on.set()
    assert await going_on == 2
    assert await contents(other) == ["second"]
    assert await faults(other) == []


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_between_two_steps_is_no_false_alarm(seed: int) -> None:
    """The same in one process, where every call of a store or of heads may be overtaken by any other."""
    chance = random.Random(seed)
    inner, kept = MemoryJournalStore(), MemoryJournalStore()
    stores = [
        SealedJournalStore(SlowStore(inner, chance), KEYS, StoreHeads(SlowStore(kept, chance), "shop"))
        for _ in range(4)
    ]
    keys = [StreamKey(ANN, "session", name) for name in ("one", "two")]

    async def act(store: JournalStore) -> None:
        for _ in range(40):
            key = chance.choice(keys)
            head = (await store.read(key)).stream.head
            with suppress(StreamConflict):
                match chance.choice(("append", "append", "append", "prune", "forget", "subject", "list")):
                    case "append":
                        await store.append(key, [Draft("1")], expected=head, at=1.0)
                    case "prune":
                        await store.forget(key, before=head)
                    case "forget":
                        await store.forget(key, expected=chance.choice([head, None]))
                    case "subject":
                        await store.forget(ANN)
                    case _:
                        assert (await store.list(StreamQuery())).unreadable == ()

    await asyncio.gather(*(act(store) for store in stores))
    assert await faults(stores[0]) == []
