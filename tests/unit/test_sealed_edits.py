"""What somebody does to a sealed store behind its back, and what comes of it when the store is read."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore, StoreHeads
from lightagent.application.verify_journals import JournalFault, verify_journals
from lightagent.domain.errors import TamperedStream
from lightagent.domain.journal_seals import SealKeys, seal_keys
from lightagent.domain.journal_streams import Draft, Entry, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from tests.support.journal_editor import EDITORS, Editor, MemoryEditor, SqliteEditor

ANN, BOB = Scope("acme", "ann"), Scope("acme", "bob")
CHAT, OTHER = StreamKey(ANN, "session", "chat"), StreamKey(BOB, "session", "chat")
KEYS = seal_keys("shop", {"spring": "s" * 32})


@dataclass
class Scene:
    """A sealed store with two streams of four entries, and whoever edits it behind its back."""

    editor: Editor
    heads: JournalHeads | None
    keys: SealKeys = KEYS

    def store(self, keys: SealKeys | None = None, *, heads: bool = True) -> SealedJournalStore:
        """The store as a process that begins would open it."""
        kept = self.heads if heads else None
        return SealedJournalStore(self.editor.open(), keys or self.keys, kept, patience=0)

    async def fill(self) -> None:
        store = self.store()
        for key in (CHAT, OTHER):
            for turn in range(4):
                labels = {"status": "waiting", "turn": str(turn)}
                draft = Draft(f'"{key.owner.user} {turn}"', seal="outer")
                await store.append(key, [draft], expected=turn, at=turn + 1.0, labels=labels, seal="row")
        await store.aclose()

    async def append(self, content: str, expected: int, key: StreamKey = CHAT, *, heads: bool = True) -> None:
        """The service goes on, having read nothing."""
        store = self.store(heads=heads)
        try:
            await store.append(key, [Draft(content)], expected=expected, at=9.0)
        finally:
            await store.aclose()

    async def forget(self, key: StreamKey, before: int | None = None) -> None:
        store = self.store()
        await store.forget(key, before=before)
        await store.aclose()

    async def faults(self, key: StreamKey = CHAT) -> tuple[str, str, list[JournalFault]]:
        """What reading says, what a listing says, and what a verification says."""
        store = self.store()
        try:
            try:
                await store.read(key)
                refused = ""
            except TamperedStream as error:
                refused = str(error)
            unreadable = (await store.list(StreamQuery())).unreadable
            return refused, " ".join(unreadable), [fault async for fault in verify_journals(store)]
        finally:
            await store.aclose()


@pytest.fixture(params=["memory", "memory, heads in a store", "sqlite", "sqlite, heads in files"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return scene_of(str(request.param), tmp_path)


@pytest.fixture(params=["memory", "memory, heads in a store"])
def quick_scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """For what the store below has no part in."""
    return scene_of(str(request.param), tmp_path)


def scene_of(name: str, place: Path) -> Scene:
    editor = EDITORS[name.partition(",")[0]](place / "store")
    if name.endswith("heads in files"):
        return Scene(editor, FileHeads(place / "heads", fsync=False))
    return Scene(editor, StoreHeads(MemoryJournalStore(), "shop") if name.endswith("heads in a store") else None)


# Edits of one stream, which whoever has no key cannot make up for.


def tamper(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, content='"ann pays"'))


def schema(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, schema=2))


def outer_seal_of_an_entry(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, seal=entry.seal.removesuffix("outer") + "inner"))


def edit_entry(scene: Scene, edited: Callable[[Entry], Entry]) -> None:
    raw = scene.editor.take(CHAT)
    first, second, *rest = raw.entries
    scene.editor.put(raw.with_entries([first, edited(second), *rest]))


def delete_in_the_middle(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries[:1], *raw.entries[2:]]))


def cut_the_tail(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries(raw.entries[:2]))


def reorder(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    first, second, *rest = raw.entries
    scene.editor.put(raw.with_entries([second, first, *rest]))


def forge_at_the_end(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries, replace(raw.entries[-1], content='"forged"')]))


def repeat_the_last(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries, raw.entries[-1]]))


def replay_from_another_stream(scene: Scene) -> None:
    raw, other = scene.editor.take(CHAT), scene.editor.take(OTHER)
    scene.editor.put(raw.with_entries([*raw.entries[:3], other.entries[3]]))


def replay_an_older_entry(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries[:3], raw.entries[0]]))


def take_another_stream_whole(scene: Scene) -> None:
    raw = scene.editor.take(OTHER)
    scene.editor.put(raw.with_key(CHAT))


def exchange_two_streams(scene: Scene) -> None:
    one, other = scene.editor.take(CHAT), scene.editor.take(OTHER)
    scene.editor.put(one.with_key(OTHER))
    scene.editor.put(other.with_key(CHAT))


def strip_the_seals(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([replace(entry, seal="") for entry in raw.entries]))
    strip_the_seal_of_the_row(scene)


def strip_the_seal_of_an_entry(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, seal=""))


def strip_the_seal_of_the_row(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=""))


def remove_the_front(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(replace(raw, info=replace(raw.info, base=2), entries=raw.entries[2:]))


def labels(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, labels={"status": "done", "turn": "3"}))


def no_labels(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, labels={}))


def created_at(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, created_at=0.5))


def updated_at(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, updated_at=99.0))


def outer_seal_of_the_row(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=row.seal + "!"))


def key_id(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=row.seal.replace("spring", "autumn")))


def edit_row(scene: Scene, edited: Callable[[StreamInfo], StreamInfo]) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(replace(raw, info=edited(raw.info)))


REFUSED_BY_SEALS: list[Callable[[Scene], None]] = [
    *(tamper, schema, outer_seal_of_an_entry, delete_in_the_middle, cut_the_tail, reorder, forge_at_the_end),
    *(repeat_the_last, replay_from_another_stream, replay_an_older_entry, take_another_stream_whole),
    *(exchange_two_streams, strip_the_seals, strip_the_seal_of_an_entry, strip_the_seal_of_the_row, remove_the_front),
    *(labels, no_labels, created_at, updated_at, outer_seal_of_the_row, key_id),
]


@pytest.mark.parametrize("edit", REFUSED_BY_SEALS)
def test_an_edit_without_the_key_is_refused(scene: Scene, edit: Callable[[Scene], None]) -> None:
    async def story() -> None:
        await scene.fill()
        assert await scene.faults() == ("", "", [])
        before = scene.editor.copy()
        edit(scene)
        refused, _, found = await scene.faults()
        assert refused.startswith("[LA-STORE]")
        assert CHAT in [fault.key for fault in found]
        scene.editor.restore(before)
        assert await scene.faults() == ("", "", [])

    asyncio.run(story())


@pytest.mark.parametrize("edit", [labels, no_labels, created_at, updated_at, strip_the_seals, exchange_two_streams])
def test_a_listing_names_the_streams_whose_rows_were_edited_and_leaves_them_out(
    scene: Scene, edit: Callable[[Scene], None]
) -> None:
    async def story() -> None:
        await scene.fill()
        edit(scene)
        store = scene.store()
        page = await store.list(StreamQuery(user="ann"))
        assert page.streams == ()
        assert "'chat'" in " ".join(page.unreadable)
        await store.aclose()

    asyncio.run(story())


@pytest.mark.parametrize("edit", REFUSED_BY_SEALS)
def test_an_append_does_not_make_an_edit_look_genuine(quick_scene: Scene, edit: Callable[[Scene], None]) -> None:
    """An entry's own edit is not looked for at every append, but it stays what it is."""

    async def story() -> None:
        await quick_scene.fill()
        edit(quick_scene)
        with suppress(TamperedStream):
            await quick_scene.append('"next"', quick_scene.editor.take(CHAT).info.head)
        refused, _, _ = await quick_scene.faults()
        assert refused

    asyncio.run(story())


def test_a_moved_stream_is_refused_at_its_new_place(scene: Scene) -> None:
    async def story() -> None:
        await scene.fill()
        mallory = StreamKey(Scope("acme", "mallory"), "session", "chat")
        scene.editor.move(CHAT, mallory)
        refused, listed, found = await scene.faults(mallory)
        assert refused
        assert listed
        assert mallory in [fault.key for fault in found]

    asyncio.run(story())


# Edits that use only what the store wrote itself, with the outcome without heads.


async def launder_a_cut(scene: Scene) -> None:
    """The end is cut off by an older state of the stream, and the service goes on from there."""
    await scene.append('"five"', 4)
    older = scene.editor.take(CHAT)
    await scene.append('"six"', 5)
    scene.editor.put(older)
    await scene.append('"another six"', 5)


async def cut_by_an_older_state(scene: Scene) -> None:
    older = scene.editor.take(CHAT)
    await scene.append('"five"', 4)
    scene.editor.put(older)


async def delete_a_stream(scene: Scene) -> None:
    scene.editor.remove(CHAT)


async def put_back_what_was_forgotten(scene: Scene) -> None:
    older = scene.editor.take(CHAT)
    await scene.forget(CHAT)
    scene.editor.put(older)


async def put_back_what_was_forgotten_and_begun_again(scene: Scene) -> None:
    older = scene.editor.take(CHAT)
    await scene.forget(CHAT)
    await scene.append('"anew"', 0)
    scene.editor.put(older)


async def put_back_what_was_pruned(scene: Scene) -> None:
    older = scene.editor.take(CHAT)
    await scene.forget(CHAT, before=3)
    scene.editor.put(older)


async def an_older_store(scene: Scene) -> None:
    older = scene.editor.copy()
    await scene.append('"five"', 4)
    scene.editor.restore(older)


async def another_branch_of_the_same_length(scene: Scene) -> None:
    """Genuine entries of the same keys, from a copy of the store that went another way."""
    older = scene.editor.take(CHAT)
    await scene.append('"five, elsewhere"', 4, heads=False)
    branch = scene.editor.take(CHAT)
    scene.editor.put(older)
    await scene.append('"five"', 4)
    scene.editor.put(branch)


async def another_branch_that_is_longer(scene: Scene) -> None:
    older = scene.editor.take(CHAT)
    await scene.append('"five, elsewhere"', 4, heads=False)
    await scene.append('"six, elsewhere"', 5, heads=False)
    branch = scene.editor.take(CHAT)
    scene.editor.put(older)
    await scene.append('"five"', 4)
    scene.editor.put(branch)


async def a_stream_of_another_store_with_the_same_name_and_keys(scene: Scene) -> None:
    other = MemoryEditor(Path())
    await Scene(other, None).fill()
    scene.editor.put(other.take(CHAT))


@pytest.mark.parametrize(
    "edit",
    [
        launder_a_cut,
        cut_by_an_older_state,
        delete_a_stream,
        put_back_what_was_forgotten,
        put_back_what_was_forgotten_and_begun_again,
        put_back_what_was_pruned,
        an_older_store,
        another_branch_of_the_same_length,
        another_branch_that_is_longer,
        a_stream_of_another_store_with_the_same_name_and_keys,
    ],
)
def test_what_only_heads_can_tell_is_refused_with_them(scene: Scene, edit: Callable[[Scene], object]) -> None:
    async def story() -> None:
        await scene.fill()
        refused_at_once = False
        try:
            edited = edit(scene)
            assert inspect.isawaitable(edited)
            await edited
        except TamperedStream:
            refused_at_once = True
        refused, _, found = await scene.faults()
        if scene.heads is None:
            assert (refused_at_once, refused, found) == (False, "", [])
        else:
            assert refused
            assert CHAT in [fault.key for fault in found]
            assert refused_at_once == (edit is launder_a_cut)

    asyncio.run(story())


def test_a_stream_that_the_heads_do_not_know_is_refused(scene: Scene) -> None:
    async def story() -> None:
        await scene.fill()
        planted = StreamKey(ANN, "session", "planted")
        store = scene.store(heads=False)
        await store.append(planted, [Draft("1")], expected=0, at=1.0)
        await store.aclose()
        refused, listed, _ = await scene.faults(planted)
        assert bool(refused) == bool(listed) == (scene.heads is not None)

    asyncio.run(story())


@pytest.mark.parametrize("changed", ["name", "secret", "id", "none of them"])
def test_a_stream_of_another_store_is_refused_by_name_and_key(scene: Scene, changed: str) -> None:
    others = {
        "name": seal_keys("market", {"spring": "s" * 32}),
        "secret": seal_keys("shop", {"spring": "t" * 32}),
        "id": seal_keys("shop", {"autumn": "s" * 32}),
        "none of them": KEYS,
    }

    async def story() -> None:
        await scene.fill()
        other = MemoryEditor(Path())
        await Scene(other, None, others[changed]).fill()
        scene.editor.put(other.take(CHAT))
        refused, _, _ = await scene.faults()
        assert bool(refused) == (changed != "none of them" or scene.heads is not None)

    asyncio.run(story())


def test_a_forged_lease_delays_writers_and_nothing_else(tmp_path: Path) -> None:
    scene = Scene(SqliteEditor(tmp_path), FileHeads(tmp_path / "heads", fsync=False))

    async def story() -> None:
        await scene.fill()
        assert isinstance(scene.editor, SqliteEditor)
        with scene.editor.connect() as db:
            db.execute("UPDATE streams SET token = 99, holder = x'61', held_until = 9e15")
        db.close()
        assert await scene.faults() == ("", "", [])

    asyncio.run(story())


def test_the_index_of_labels_is_checked_when_it_lies_and_by_a_verification_when_it_is_silent(tmp_path: Path) -> None:
    editor = SqliteEditor(tmp_path)
    scene = Scene(editor, None)

    async def story() -> None:
        await scene.fill()
        editor.index_falsely(OTHER, "status", "approved")
        store = scene.store()
        page = await store.list(StreamQuery(labels={"status": "approved"}))
        assert (page.streams, len(page.unreadable)) == ((), 1)
        await store.aclose()
        editor.cut_index(CHAT)
        refused, listed, found = await scene.faults()
        assert (refused, listed) == ("", "")
        assert [fault.key for fault in found] == [CHAT]

    asyncio.run(story())


def test_a_verification_finds_a_size_that_is_not_true(quick_scene: Scene) -> None:
    scene = quick_scene

    async def story() -> None:
        await scene.fill()
        edit_row(scene, lambda row: replace(row, size=1))
        _, _, found = await scene.faults()
        assert [(fault.key, "1 bytes" in fault.text) for fault in found] == [(CHAT, True)]

    asyncio.run(story())
