"""What is genuine in all its parts, and out of place or time: older copies, other stores, what was forgotten."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.domain.errors import TamperedStream
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from tests.support.journal_editor import MemoryEditor
from tests.support.sealed_scene import ANN, CHAT, KEYS, OTHER, Scene, scene_of


@pytest.fixture(params=["memory", "memory, heads in a store", "sqlite", "sqlite, heads in files"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    return scene_of(str(request.param), tmp_path)


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


def test_a_deleted_stream_is_named_where_it_is_asked_for_by_its_whole_name(scene: Scene) -> None:
    async def story() -> None:
        await scene.fill()
        store = scene.store()
        owner = CHAT.owner
        whole = StreamQuery(CHAT.kind, owner.tenant, owner.user, owner.session, CHAT.id)
        by_label = StreamQuery(kind=CHAT.kind, labels={"status": "waiting"})
        assert (await store.list(replace(whole, labels={"status": "done"}))).unreadable == ()
        scene.editor.remove(CHAT)
        for query in (whole, replace(whole, labels={"status": "waiting"})):
            page = await store.list(query)
            assert page.streams == ()
            assert ["it was deleted" in text for text in page.unreadable] == ([True] if scene.heads else [])
        # Of all the others nothing is said: that would take a look at every head. A verification does so.
        page = await store.list(by_label)
        assert ([stream.key for stream in page.streams], page.unreadable) == ([OTHER], ())
        # What was never there, or was forgotten by the store itself, is not missing.
        assert (await store.list(replace(whole, id="never"))).unreadable == ()
        await store.forget(CHAT)
        assert (await store.list(whole)).unreadable == ()
        await store.aclose()

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
