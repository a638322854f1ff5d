"""What somebody does to a sealed store behind its back, and what comes of it when the store is read."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.adapters.journals.sealed import FileHeads
from lightagent.adapters.journals.sqlite.rows import SIGN_ALL
from lightagent.domain.errors import TamperedStream
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from tests.support.journal_editor import SqliteEditor
from tests.support.sealed_scene import CHAT, OTHER, Scene, scene_of
from tests.support.stream_edits import (
    REFUSED_BY_SEALS,
    created_at,
    edit_row,
    exchange_two_streams,
    labels,
    no_labels,
    strip_the_seals,
    updated_at,
)


@pytest.fixture(params=["memory", "memory, heads in a store", "sqlite", "sqlite, heads in files"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return scene_of(str(request.param), tmp_path)


@pytest.fixture(params=["memory", "memory, heads in a store"])
def quick_scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """For what the store below has no part in."""
    return scene_of(str(request.param), tmp_path)


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


def test_a_forged_lease_delays_writers_and_nothing_else(tmp_path: Path) -> None:
    scene = Scene(SqliteEditor(tmp_path), FileHeads(tmp_path / "heads", fsync=False))

    async def story() -> None:
        await scene.fill()
        assert isinstance(scene.editor, SqliteEditor)
        with scene.editor.connect() as db:
            db.execute("UPDATE streams SET token = 99, holder = x'61', held_until = 9e15")
            db.execute(SIGN_ALL)
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
