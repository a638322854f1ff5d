"""A disk that is full, or mounted for reading only: errors that say what to do, and nothing acknowledged is lost.

The disk is a small tmpfs of its own where this process may mount one. Everywhere, the system's limit of the size of a
file stands for a full disk, which cuts a write short just so.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if sys.platform != "win32":
    import resource

T = TypeVar("T")
KEY = StreamKey(Scope("acme", "ann"), "run", "1")
STORES: dict[str, Callable[[Path], JournalStore]] = {
    "sqlite": lambda place: SqliteJournalStore(place / "journals.db"),
    "files": lambda place: JsonFilesJournalStore(place / "journals"),
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this process may not mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def short_files(most: int) -> Generator[None, None, None]:
    """No file can become longer than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def play(kind: str, place: Path, story: Callable[[JournalStore], Coroutine[object, object, T]]) -> T:
    async def played() -> T:
        store = STORES[kind](place)
        try:
            return await story(store)
        finally:
            await store.aclose()

    return asyncio.run(played())


async def append_until_refused(store: JournalStore) -> tuple[int, StoreError]:
    """How many entries were acknowledged, and the error that ended it."""
    head = (await store.read(KEY, after=-1)).stream.head
    while True:
        drafts = [Draft(f'"{head} {"x" * 20_000}"'), Draft(f'"{head + 1}"')]
        try:
            head = await store.append(KEY, drafts, expected=head, at=1.0, labels={"head": str(head)})
        except StoreError as error:
            return head, error


async def check_kept(store: JournalStore, head: int) -> None:
    """Everything that was acknowledged can be read, and nothing else; a listing says the same."""
    found = await store.read(KEY)
    assert found.stream.head == head
    assert [entry.content.strip('"').split(" ")[0] for entry in found.entries] == [
        str(number) for number in range(head)
    ]
    page = await store.list(StreamQuery(labels={"head": str(head - 2)}))
    assert ([stream.head for stream in page.streams], page.unreadable) == ([head], ())


async def check_goes_on(store: JournalStore, head: int) -> None:
    await check_kept(store, head)
    lease = await store.lease(KEY, "me", 60.0)
    contents = [Draft(f'"{head}"'), Draft(f'"{head + 1}"')]
    labels = {"head": str(head)}
    assert await store.append(KEY, contents, expected=head, at=1.0, labels=labels, token=lease.token) == head + 2
    await check_kept(store, head + 2)


@pytest.mark.parametrize("kind", STORES)
def test_a_full_disk_loses_nothing_and_is_reported(kind: str, disk: Path) -> None:
    filler = disk / "filler"
    play(kind, disk, lambda store: store.append(KEY, [Draft('"0"'), Draft('"1"')], expected=0, at=1.0))
    filler.write_bytes(b"x" * 300_000)
    head, refused = play(kind, disk, append_until_refused)
    assert head > 2
    assert "Make room on the disk" in refused.guidance

    async def story(store: JournalStore) -> None:
        again, error = await append_until_refused(store)
        assert again >= head
        await check_kept(store, again)
        assert "Make room on the disk" in error.guidance
        filler.unlink()
        await check_goes_on(store, again)  # The same object goes on once there is room.

    play(kind, disk, story)


@pytest.mark.parametrize("kind", STORES)
def test_a_disk_that_is_mounted_for_reading_only_is_reported(kind: str, disk: Path) -> None:
    play(kind, disk, lambda store: store.append(KEY, [Draft('"0"'), Draft('"1"')], expected=0, at=1.0))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    async def story(store: JournalStore) -> None:
        for write in (
            lambda: store.append(KEY, [Draft('"2"')], expected=2, at=1.0),
            lambda: store.lease(KEY, "me", 60.0),
            lambda: store.forget(KEY),
        ):
            with pytest.raises(StoreError) as refused:
                await write()
            assert "Check the" in refused.value.guidance
        if kind == "files":
            assert (await store.read(KEY)).stream.head == 2

    play(kind, disk, story)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert play(kind, disk, lambda store: store.append(KEY, [Draft('"2"')], expected=2, at=1.0)) == 3


@pytest.mark.parametrize("kind", STORES)
def test_a_write_that_is_cut_short_loses_nothing_and_is_reported(kind: str, tmp_path: Path) -> None:
    play(kind, tmp_path, lambda store: store.append(KEY, [Draft('"0"'), Draft('"1"')], expected=0, at=1.0))
    with short_files(250_000):
        head, refused = play(kind, tmp_path, append_until_refused)
        assert head > 2
        assert "disk" in refused.guidance
    play(kind, tmp_path, lambda store: check_goes_on(store, head))
