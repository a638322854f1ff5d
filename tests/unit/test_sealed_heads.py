"""Heads of a sealed store: what is kept, by whom it is replaced, and what a crash leaves."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore, StoreHeads
from lightagent.domain.errors import DamagedStream, StoreError, TamperedStream
from lightagent.domain.journals.heads import StreamHead
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.support.wrapped_journals import (
    CHAT,
    KEYS,
    FailingHeads,
    contents,
    faults,
)


@pytest.fixture(params=["files", "store"])
def heads(request: pytest.FixtureRequest, tmp_path: Path) -> FailingHeads:
    inner = FileHeads(tmp_path, fsync=False) if request.param == "files" else StoreHeads(MemoryJournalStore(), "shop")
    return FailingHeads(inner)


@pytest.mark.parametrize("writes", range(6))
async def test_wherever_the_heads_are_cut_off_the_store_goes_on(heads: FailingHeads, writes: int) -> None:
    """A stream is begun, gone on with, forgotten and begun again; after any write of a head the process ends."""
    inner = MemoryJournalStore()

    async def life(store: JournalStore) -> None:
        head = (await store.read(CHAT)).stream.head
        for turn in range(head, 3):
            await store.append(CHAT, [Draft(str(turn))], expected=turn, at=1.0)
        await store.forget(CHAT, expected=3)
        await store.append(CHAT, [Draft("anew")], expected=0, at=2.0)

    heads.writes_left = writes
    with suppress(StoreError):
        await life(SealedJournalStore(inner, KEYS, heads))
    heads.writes_left = 10**9
    store = SealedJournalStore(inner, KEYS, heads)
    assert await faults(store) == []
    found = await contents(store)
    assert found in (["0", "1", "2"][: len(found)], ["anew"])
    if found != ["anew"]:
        await life(store)
    assert await contents(SealedJournalStore(inner, KEYS, heads)) == ["anew"]
    assert await faults(store) == []
    # What was cut off did not leave the heads behind for good.
    older = await inner.read(CHAT)
    await store.append(CHAT, [Draft("next")], expected=1, at=3.0)
    await inner.forget(CHAT)
    await inner.append(
        CHAT,
        [Draft(one.content, one.schema, one.seal) for one in older.entries],
        expected=0,
        at=2.0,
        seal=older.stream.seal,
    )
    with pytest.raises(TamperedStream):
        await store.read(CHAT)
    await heads.aclose()


async def test_a_name_does_not_outlive_its_data(tmp_path: Path) -> None:
    place, kept = FileHeads(tmp_path / "heads"), MemoryJournalStore()
    key = StreamKey(Scope("acme", "ann.rosenbaum"), "session", "chat")
    for heads in (place, StoreHeads(kept, "shop")):
        store = SealedJournalStore(MemoryJournalStore(), KEYS, heads)
        for what in (key, key.owner):
            for turn in range(3):
                await store.append(key, [Draft("1")], expected=turn, at=1.0)
            assert [head.key async for head in heads.known() if isinstance(head, StreamHead)] == [key]
            assert await store.forget(what) == 1
            assert [head.key async for head in heads.known() if isinstance(head, StreamHead)] == [None]
    files = await asyncio.to_thread(lambda: [path.read_text() for path in tmp_path.glob("heads/*/*")])
    (stream,) = (await kept.list(StreamQuery())).streams
    written = files + [entry.content for entry in (await kept.read(stream.key)).entries]
    assert len(written) == 2
    assert "rosenbaum" not in " ".join(written)
    await place.aclose()


@pytest.mark.parametrize("kind", ["files", "store"])
async def test_of_many_who_replace_the_same_head_one_succeeds(tmp_path: Path, kind: str) -> None:
    """Each with an object of its own, as several processes have them."""
    kept = MemoryJournalStore()
    many = [FileHeads(tmp_path / "heads") if kind == "files" else StoreHeads(kept, "shop") for _ in range(6)]
    old: StreamHead | None = None
    for turn in range(10):
        wanted = [StreamHead(f"{turn} {place}", turn, key=CHAT) for place in range(len(many))]
        replaced = await asyncio.gather(
            *(heads.replace("ab12", old, new) for heads, new in zip(many, wanted, strict=True))
        )
        assert replaced.count(True) == 1
        old = await many[turn % 6].find("ab12")
        assert old == wanted[replaced.index(True)]
    assert await many[0].find("cd34") is None
    for heads in many:
        await heads.aclose()


async def test_heads_do_not_grow_with_their_stream(tmp_path: Path) -> None:
    kept = MemoryJournalStore()
    store = SealedJournalStore(MemoryJournalStore(), KEYS, StoreHeads(kept, "shop"))
    for turn in range(200):
        await store.append(CHAT, [Draft("1")], expected=turn, at=1.0)
    (stream,) = (await kept.list(StreamQuery())).streams
    assert stream.head - stream.base < 50


async def test_a_head_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    heads = FileHeads(tmp_path / "heads", fsync=False)
    store = SealedJournalStore(MemoryJournalStore(), KEYS, heads)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    (path,) = (tmp_path / "heads").glob("*/*.json")
    for text in ("", "{}", "\u00e9", '{"birth": "x", "key": ["a"]}', "[1]", '{"birth": "x", "more": 1}'):
        path.write_text(text, "utf-8")
        with pytest.raises(DamagedStream, match="backup"):
            await store.read(CHAT)
    await heads.aclose()


@pytest.mark.parametrize("kind", ["files", "store"])
async def test_a_damaged_head_hides_no_other_stream_and_keeps_no_data(tmp_path: Path, kind: str) -> None:
    kept = MemoryJournalStore()
    heads = FileHeads(tmp_path / "heads", fsync=False) if kind == "files" else StoreHeads(kept, "shop")
    store = SealedJournalStore(MemoryJournalStore(), KEYS, heads, patience=0.01)
    keys = [StreamKey(CHAT.owner, "session", name) for name in ("a", "b", "c")]
    damaged, *others = keys
    await store.append(damaged, [Draft("1")], expected=0, at=1.0)
    if kind == "files":
        (path,) = (tmp_path / "heads").glob("*/*.json")
        path.write_text("damaged")
    else:
        (stream,) = (await kept.list(StreamQuery())).streams
        await kept.append(stream.key, [Draft('"damaged"')], expected=stream.head, at=2.0)
    for key in others:
        await store.append(key, [Draft("1")], expected=0, at=1.0)
    page = await store.list(StreamQuery())
    assert [stream.key for stream in page.streams] == others[::-1]
    (text,) = page.unreadable
    assert "'a'" in text
    with pytest.raises(TamperedStream, match="noted elsewhere of its end cannot be read"):
        await store.append(damaged, [Draft("2")], expected=1, at=2.0)
    told = await faults(store)
    assert len(told) == 2  # The stream, and the head of which nobody can tell whose it is.
    assert await store.forget(damaged) == 1
    assert await store.forget(CHAT.owner) == 2
    assert not (await store.list(StreamQuery())).streams
    await heads.aclose()
