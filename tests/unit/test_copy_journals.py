"""A store is copied as it is, also into a sealed one."""

from contextlib import suppress

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.application.journals.copy import copy_journals
from lightagent.domain.errors import StoreError, TamperedStream
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import ANN, CHAT, KEYS, SUMMER, StoppingStore, contents, faults


@pytest.mark.parametrize("kind", ["unsealed", "sealed"])
async def test_a_store_is_copied_as_it_is_and_again_after_an_interruption(kind: str) -> None:
    source: JournalStore = MemoryJournalStore()
    if kind == "sealed":
        source = SealedJournalStore(source, seal_keys("old", SUMMER))
    keys = [StreamKey(ANN, "session", name) for name in ("long", "pruned", "all pruned", "one")]
    for key, count, base in zip(keys, (2500, 2100, 30, 1), (0, 2050, 30, 0), strict=True):
        await source.append(key, [Draft("0", schema=3)], expected=0, at=1.5, labels={"a": "b"})
        if count > 1:
            drafts = [Draft(str(n), seal="s") for n in range(1, count)]
            await source.append(key, drafts, expected=1, at=7.5, labels={"c": key.id}, seal="row")
        await source.forget(key, before=base + 1)
    inner = MemoryJournalStore()
    target = SealedJournalStore(inner, KEYS)
    for stopped_after in (1, 2, 5, 10**9):
        copied = StoppingStore(inner, stopped_after)
        with suppress(StoreError):
            assert await copy_journals(source, SealedJournalStore(copied, KEYS)) == 4
    assert (await target.list(StreamQuery())).streams == (await source.list(StreamQuery())).streams
    for key in keys:
        for after in (0, 1000, 2000):
            assert await target.read(key, after) == await source.read(key, after)
    assert await faults(target) == []


async def test_what_was_written_without_seals_is_only_taken_by_an_explicit_copy() -> None:
    plain, sealed = MemoryJournalStore(), MemoryJournalStore()
    await plain.append(CHAT, [Draft("1")], expected=0, at=1.0)
    store = SealedJournalStore(plain, KEYS)
    with pytest.raises(TamperedStream, match="has to be copied into the store"):
        await store.read(CHAT)
    with pytest.raises(TamperedStream):
        await store.append(CHAT, [Draft("2")], expected=1, at=2.0)
    assert await copy_journals(plain, SealedJournalStore(sealed, KEYS)) == 1
    assert await contents(SealedJournalStore(sealed, KEYS)) == ["1"]


async def test_a_copy_does_not_mix_two_streams_of_one_key() -> None:
    source, target = MemoryJournalStore(), SealedJournalStore(MemoryJournalStore(), KEYS)
    await source.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0)
    await target.append(CHAT, [Draft("another")], expected=0, at=1.0)
    with pytest.raises(StoreError, match="another stream"):
        await copy_journals(source, target)


async def test_a_stream_that_only_ends_alike_is_another_one() -> None:
    source, target = MemoryJournalStore(), SealedJournalStore(MemoryJournalStore(), KEYS)
    await source.append(CHAT, [Draft("1"), Draft('"ok"')], expected=0, at=1.0)
    await target.append(CHAT, [Draft("another"), Draft('"ok"')], expected=0, at=1.0)
    with pytest.raises(StoreError, match="another stream"):
        await copy_journals(source, target)
