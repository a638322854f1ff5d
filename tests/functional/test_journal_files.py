"""Journals in files: what stands in them, what it costs, and what is said where they cannot be read or written."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import BuiltinFunctionType, FrameType

import pytest

from lightagent.adapters.journals.files.lines import name_of
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from tests.support.journal_files import (
    ANN,
    CHAT,
    OTHER,
    WHOLE,
    Store,
    contents,
    file_of,
    play,
    three_appends,
    two_appends,
)

if sys.platform != "win32":
    import fcntl
    import resource

NOBODY = 65534

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such file locks")


def test_the_files_can_be_read_by_a_person(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    lines = file_of(tmp_path).read_text(encoding="utf-8").splitlines()
    assert '"tenant":"acme","user":"ann","session":"","kind":"session","id":"chat"' in lines[0]
    assert [line.rsplit(":", 1)[1] for line in lines if '"content"' in line] == [f"{text}}}" for text in WHOLE]
    assert '"labels":{"naïve":"☕"}' in lines[-1]


def test_what_is_forgotten_is_in_no_file(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        for key in (CHAT, OTHER):
            await store.append(key, [Draft('"secret"')], expected=0, at=1.0, labels={"a": "secret"})
            with file_of(tmp_path, key).open("ab") as file:
                file.write(b'{"sum":"00000000","line":3 secret')  # A crash cuts an append.
            await store.append(key, [Draft('"public"')], expected=1, at=1.0, labels={})

    play(tmp_path, story)
    (tmp_path / "new" / "left").write_text("secret")  # A crash leaves a file half made.
    streams = sorted(f"{name_of(key)}.{ending}" for key in (CHAT, OTHER) for ending in ("jsonl", "torn"))
    assert names_with(tmp_path, b"secret") == sorted([*streams, "left"])
    assert play(tmp_path, lambda store: store.forget(CHAT, before=2)) == 1
    assert play(tmp_path, lambda store: store.forget(OTHER)) == 1
    assert names_with(tmp_path, b"secret") == []
    assert contents(tmp_path) == ['"public"']
    play(tmp_path, lambda store: store.forget(CHAT))
    assert names_with(tmp_path, b"public") == []


def names_with(place: Path, text: bytes) -> list[str]:
    return sorted(file.name for file in place.rglob("*") if file.is_file() and text in file.read_bytes())


@pytest.mark.parametrize("damaged", [1, 20, 40, 60, 80])
@pytest.mark.parametrize("torn", [b"", b"{", b'{"sum":"00000000","pl'])
def test_no_token_is_given_twice_whatever_became_of_the_file_of_numbers(
    tmp_path: Path, damaged: int, torn: bytes
) -> None:
    async def story(store: Store) -> list[int]:
        given: list[int] = []
        for _ in range(3):
            given.append((await store.lease(CHAT, "me", 60.0)).token)
            await store.forget(CHAT)
        return given

    given = play(tmp_path, story)
    numbers = tmp_path / "store.jsonl"
    for _ in range(2):
        data = numbers.read_bytes()
        numbers.write_bytes(data[:-damaged] + b"?" * damaged + torn)
        given += play(tmp_path, story)
    assert given == sorted(set(given))


def test_numbers_and_leases_do_not_pile_up(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        lease = await store.lease(CHAT, "me" * 5000, 60.0)
        for turn in range(20):
            await store.lease(CHAT, "me" * 5000, 60.0 + turn, lease.token)
        await store.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0, token=lease.token)
        for turn in range(20):
            await store.lease(CHAT, "me" * 5000, 60.0 + turn, lease.token)
        assert [entry.content for entry in (await store.read(CHAT)).entries] == ["1", "2"]
        assert await store.append(CHAT, [Draft("3")], expected=2, at=1.0, token=lease.token) == 3
        assert [entry.content for entry in (await store.read(CHAT)).entries] == ["1", "2", "3"]

    play(tmp_path, story)
    assert file_of(tmp_path).stat().st_size < 200_000
    numbers = tmp_path / "store.jsonl"
    first, *_, last = numbers.read_bytes().splitlines(keepends=True)
    numbers.write_bytes(first + last * 2000)
    token = play(tmp_path, lambda store: store.lease(OTHER, "me", 60.0)).token
    assert numbers.stat().st_size < 1000
    assert play(tmp_path, lambda store: store.lease(StreamKey(ANN, "run", "1"), "me", 60.0)).token > token


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems sync by other calls")
def test_everything_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    calls: list[str] = []

    def note(_frame: FrameType, event: str, what: object) -> None:
        if event == "c_call" and isinstance(what, BuiltinFunctionType):
            calls.extend({what.__name__} & {"pwrite", "fdatasync", "fsync", "replace", "unlink", "ftruncate"})

    async def story(store: Store) -> None:
        async def synced(work: Coroutine[object, object, object]) -> list[str]:
            calls.clear()
            await work
            return [*calls]

        await store.append(OTHER, [Draft("1")], expected=0, at=1.0)
        file = ["pwrite", "fdatasync"]
        first = await synced(store.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0))
        assert first == [*file, *["pwrite"] * 2, "fdatasync", "replace", "fsync"]  # The number, the file, its name.
        assert await synced(store.append(CHAT, [Draft("3"), Draft("4")], expected=2, at=1.0)) == file
        assert await synced(store.lease(CHAT, "me", 60.0)) == [*file, *file]
        with file_of(tmp_path).open("ab") as torn:
            torn.write(b"{")
        mended = await synced(store.append(CHAT, [Draft("5")], expected=4, at=1.0, token=1))
        assert mended == [*file, "fsync", "ftruncate", "fdatasync", *file]
        assert (await synced(store.forget(CHAT, before=2)))[-4:] == ["fdatasync", "replace", "fsync", "unlink"]
        assert (await synced(store.forget(CHAT)))[-2:] == ["unlink", "fsync"]

    threading.setprofile(note)
    try:
        play(tmp_path, story)
    finally:
        threading.setprofile(None)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what was read is counted in /proc")
def test_the_cost_of_an_append_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        await store.append(CHAT, [Draft(f'"{"x" * 500}"')] * 10, expected=0, at=1.0)

        async def cost(head: int) -> int:
            before = bytes_moved()
            for turn in range(10):
                await store.append(CHAT, [Draft("1")], expected=head + turn, at=1.0)
            return bytes_moved() - before

        short = await cost(10)
        await store.append(CHAT, [Draft(f'"{"x" * 500}"')] * 4000, expected=20, at=1.0)
        assert await cost(4020) < 2 * short

    play(tmp_path, story)


def bytes_moved() -> int:
    """Bytes that this process has read and written so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"]) + int(counts["wchar"])


def test_any_part_of_a_long_stream_is_read_with_long_and_short_entries(tmp_path: Path) -> None:
    chance = random.Random(3)
    sizes = [chance.choice((0, 10, 1000, 200_000)) for _ in range(300)]
    texts = [f'"{number}{"x" * size}"' for number, size in enumerate(sizes, 1)]

    async def story(store: Store) -> None:
        head = 0
        while head < len(texts):
            head = await store.append(
                CHAT, [Draft(text) for text in texts[head : head + chance.randrange(1, 9)]], expected=head, at=1.0
            )
        assert await store.forget(CHAT, before=41) == 40
        for after in range(0, 301, 7):
            found = [entry.content for entry in (await store.read(CHAT, after, 5)).entries]
            first = max(after, 40)
            assert found == texts[first : first + 5]
        assert (await store.read(CHAT)).stream.size == sum(map(len, texts[40:]))

    play(tmp_path, story)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are seen in /proc")
def test_an_append_that_waited_while_the_file_was_replaced_is_in_the_new_one(tmp_path: Path) -> None:
    play(tmp_path, two_appends)
    file, copy = file_of(tmp_path), tmp_path / "copy"
    shutil.copy(file, copy)

    async def story(store: Store) -> None:
        with file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            waiting = asyncio.create_task(store.append(CHAT, [Draft('"4"')], expected=3, at=1.0, token=1))
            await asyncio.to_thread(wait_until_open_twice, file)
            copy.replace(file)
        assert await waiting == 4

    play(tmp_path, story)
    assert contents(tmp_path) == WHOLE[:4]


def wait_until_open_twice(file: Path) -> None:
    while True:
        found = 0
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # It was closed meanwhile.
                found += link.readlink() == file
        if found > 1:
            return
        time.sleep(0.001)


@pytest.mark.parametrize("settled", [False, True])
def test_what_was_seen_of_a_file_is_remembered_once_its_time_would_tell_of_a_change(
    tmp_path: Path, settled: bool
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    async def label(store: Store, text: str) -> None:
        await store.append(CHAT, [Draft("1")], expected=0, at=1.0, labels={"text": text})

    play(first, lambda store: label(store, "a"))
    play(second, lambda store: label(store, "b"))
    moment = 1_000_000_000 if settled else 10_000_000_000  # Long ago, and in the time to come.

    async def story(store: Store) -> list[str]:
        seen: list[str] = []
        for place in (first, second):
            file_of(first).write_bytes(file_of(place).read_bytes())
            os.utime(file_of(first), (moment, moment))
            seen += [stream.labels["text"] for stream in (await store.list(StreamQuery())).streams]
        return seen

    assert play(first, story) == (["a", "a"] if settled else ["a", "b"])


@contextmanager
def without_rights(place: Path) -> Generator[None, None, None]:
    """Nothing may be written in the directory, which is the current one meanwhile."""
    before, everything = Path.cwd(), [place, *place.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    os.chdir(place)
    privileged = os.geteuid() == 0  # Whom no right is denied to.
    above = {path: path.stat().st_mode for path in place.parents if privileged and path.stat().st_mode & 0o011 != 0o011}
    try:
        for path, mode in above.items():  # Another user has to get there.
            path.chmod(mode | 0o011)
        if privileged:
            os.seteuid(NOBODY)
        yield
    finally:
        if privileged:
            os.seteuid(0)
        for path, mode in above.items():
            path.chmod(mode)
        os.chdir(before)
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_directory_that_must_not_be_written_is_read_and_says_what_to_do(tmp_path: Path) -> None:
    play(tmp_path, three_appends)

    async def story(store: Store) -> None:
        assert [entry.content for entry in (await store.read(CHAT)).entries] == WHOLE
        assert len((await store.list(StreamQuery())).streams) == 2
        for work in (
            lambda: store.append(CHAT, [Draft("7")], expected=6, at=1.0),
            lambda: store.append(StreamKey(ANN, "run", "new"), [Draft("1")], expected=0, at=1.0),
            lambda: store.lease(CHAT, "me", 60.0),
            lambda: store.forget(ANN),
        ):
            with pytest.raises(StoreError, match=r"Permission denied.*Check the rights"):
                await work()

    with without_rights(tmp_path):
        play(Path(), story)
    assert contents(tmp_path) == WHOLE
    empty = tmp_path / "empty"
    empty.mkdir()
    with without_rights(empty), pytest.raises(StoreError, match="Check the rights"):
        play(Path("new"), lambda store: store.read(CHAT))


def test_where_the_disk_is_full_nothing_is_half_written_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = file_of(tmp_path).stat().st_size

    async def story(store: Store) -> None:
        for key, head in ((CHAT, 6), (StreamKey(ANN, "run", "new"), 0)):
            with pytest.raises(StoreError, match="Make room on the disk"):
                await store.append(key, [Draft("7"), Draft(f'"{"x" * 5000}"')], expected=head, at=1.0)
        assert (await store.read(StreamKey(ANN, "run", "new"))).stream.head == 0

    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, hard))  # A write is cut short there, as by a full disk.
    try:
        play(tmp_path, story)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file_of(tmp_path).stat().st_size == size
    assert contents(tmp_path) == WHOLE
    assert list((tmp_path / "new").iterdir()) == []
    assert play(tmp_path, lambda store: store.append(CHAT, [Draft("7")], expected=6, at=1.0)) == 7


def test_a_directory_that_is_gone_is_not_an_empty_store(tmp_path: Path) -> None:
    place = tmp_path / "store"

    async def story(store: Store) -> None:
        await three_appends(store)
        assert len((await store.list(StreamQuery())).streams) == 2
        shutil.rmtree(place)
        for work in (
            lambda: store.read(CHAT),
            lambda: store.list(StreamQuery()),
            lambda: store.append(CHAT, [Draft("7")], expected=6, at=1.0),
            lambda: store.forget(CHAT),
        ):
            with pytest.raises(StoreError, match="directory is gone"):
                await work()

    play(place, story)
    place.write_text("a file")
    with pytest.raises(StoreError, match="A file stands in the way"):
        contents(place)


def test_a_directory_of_another_kind_or_release_is_refused(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    numbers = tmp_path / "store.jsonl"
    data = numbers.read_bytes()
    for other in (data.replace(b'"version":1', b'"version":2'), b"", b"{}\n"):
        numbers.write_bytes(other)
        with pytest.raises(StoreError, match="cannot be used as a journal store"):
            contents(tmp_path)
    numbers.unlink()
    with pytest.raises(StoreError, match="leases are not safe"):
        contents(tmp_path)
    numbers.write_bytes(data)
    assert contents(tmp_path) == WHOLE


def test_a_lock_that_is_not_released_is_an_error_that_may_be_tried_again(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    with file_of(tmp_path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="busy_timeout") as refused:
            play(tmp_path, lambda store: store.read(CHAT), busy_timeout=0.01)
        assert refused.value.retryable
    assert contents(tmp_path) == WHOLE
