"""Entries whose texts are made when they are read are the same entries, in a store in memory as in any other."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import JsonLightFlowStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.errors import ConfigurationError, Fenced, StreamConflict
from lightagent.domain.journals.lazy_drafts import LaterDrafts
from lightagent.domain.journals.streams import Draft, Slice, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

KEY = StreamKey(Scope("acme", "ann"), "flow", "run")


class Maker:
    """Makes drafts of words, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, word: str) -> Draft:
        self.made += 1
        return Draft(json.dumps(word))


async def append(
    store: JournalStore, drafts: Sequence[Draft], expected: int, status: str = "running", token: int | None = None
) -> int:
    labels = {"status": status}
    return await store.append(KEY, drafts, expected=expected, at=float(expected), labels=labels, token=token)


async def told(store: JournalStore, drafts: Sequence[Sequence[Draft]]) -> Slice:
    """What a store tells of a stream after several appends."""
    head = 0
    for number, some in enumerate(drafts):
        head = await append(store, some, head, "over" if number == 2 else "running")
    return await store.read(KEY)


WORDS = (["one"], ["two", "drei ü"], ["four"], ["five", "six"])


async def test_a_store_in_memory_tells_the_same_of_entries_that_are_made_later() -> None:
    at_once = [[Draft(json.dumps(word)) for word in some] for some in WORDS]
    later = [LaterDrafts(some, Maker()) for some in WORDS]
    mixed = [later[0], at_once[1], later[2], at_once[3]]
    expected = await told(MemoryJournalStore(), at_once)
    assert await told(MemoryJournalStore(), later) == expected
    assert await told(MemoryJournalStore(), mixed) == expected


async def test_their_texts_are_made_once_somebody_reads_them_and_not_before() -> None:
    make, store = Maker(), MemoryJournalStore()
    token = (await store.lease(KEY, "somebody", 60.0)).token
    assert await append(store, LaterDrafts(["one", "two"], make), 0, token=token) == 2
    assert await append(store, LaterDrafts(["three"], make), 2, token=token) == 3
    assert make.made == 0
    (stream,) = (await store.list(StreamQuery(labels={"status": "running"}))).streams
    assert (stream.head, stream.size, make.made) == (3, 17, 3)
    assert [entry.content for entry in (await store.read(KEY, 1)).entries] == ['"two"', '"three"']
    assert make.made == 3


async def test_they_are_refused_as_others_are() -> None:
    store = MemoryJournalStore(lambda: 0.0)
    lease = await store.lease(KEY, "somebody", 60.0)
    with pytest.raises(Fenced):
        await append(store, LaterDrafts(["one"], Maker()), 0)
    with pytest.raises(Fenced):
        await store.append(KEY, LaterDrafts(["one"], Maker()), expected=0, at=0.0, token=lease.token + 1)
    with pytest.raises(StreamConflict):
        await store.append(KEY, LaterDrafts(["one"], Maker()), expected=1, at=0.0, token=lease.token)
    with pytest.raises(ConfigurationError, match="at least one"):
        await store.append(KEY, LaterDrafts(list[str](), Maker()), expected=0, at=0.0, token=lease.token)
    assert await store.append(KEY, LaterDrafts(["one"], Maker()), expected=0, at=0.0, token=lease.token) == 1


async def test_what_was_forgotten_is_gone_and_a_new_stream_begins() -> None:
    store = MemoryJournalStore()
    await append(store, LaterDrafts(["one", "two", "three"], Maker()), 0)
    assert await store.forget(KEY, before=3) == 2
    assert [entry.content for entry in (await store.read(KEY)).entries] == ['"three"']
    assert await store.forget(KEY) == 1
    assert await append(store, LaterDrafts(["new"], Maker()), 0) == 1
    assert await store.forget(Scope("acme")) == 1
    assert await append(store, LaterDrafts(["newer"], Maker()), 0) == 1
    assert [entry.content for entry in (await store.read(KEY)).entries] == ['"newer"']


async def test_labels_are_those_that_were_given_whatever_becomes_of_the_dictionary() -> None:
    store, labels = MemoryJournalStore(), {"status": "running"}
    await store.append(KEY, LaterDrafts(["one"], Maker()), expected=0, at=0.0, labels=labels)
    labels["status"] = "changed"
    await store.append(KEY, LaterDrafts(["two"], Maker()), expected=1, at=0.0)
    assert (await store.read(KEY)).stream.labels == {"status": "running"}


async def test_another_store_makes_them_at_once(tmp_path: object) -> None:
    make, store = Maker(), JsonLightFlowStore(str(tmp_path))
    await append(store, LaterDrafts(["one", "two"], make), 0)
    assert make.made == 2
    assert [entry.content for entry in (await store.read(KEY)).entries] == ['"one"', '"two"']
    await store.aclose()
