"""Journals in files that were cut, changed, or cannot be written: what is noticed, what is mended, what is said."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from types import BuiltinFunctionType, FrameType
from typing import TypeVar

import pytest

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.files.lines import name_of
from lightagent.domain.errors import DamagedStream, StoreError
from lightagent.domain.journal_streams import Draft, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope

if sys.platform != "win32":
    import resource

T = TypeVar("T")
Store = JsonFilesJournalStore

ANN, BOB = Scope("acme", "ann"), Scope("acme", "bob")
CHAT, OTHER = StreamKey(ANN, "session", "chat"), StreamKey(BOB, "session", "chat")
MUTATIONS = max(200, int(os.environ.get("TEST_SOAK_RUNS", "10000")) // 50)
NOBODY = 65534

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such file locks")


def play(place: Path, story: Callable[[Store], Coroutine[object, object, T]], busy_timeout: float = 10.0) -> T:
    """What comes of a story with the store of a directory."""

    async def played() -> T:
        store = Store(place, busy_timeout=busy_timeout)
        try:
            return await story(store)
        finally:
            await store.aclose()

    return asyncio.run(played())


def file_of(place: Path, key: StreamKey = CHAT) -> Path:
    return place / "streams" / f"{name_of(key)}.jsonl"


def contents(place: Path, key: StreamKey = CHAT) -> list[str]:
    """What a new store of this directory reads."""

    async def story(store: Store) -> list[str]:
        return [entry.content for entry in (await store.read(key)).entries]

    return play(place, story)


def listed(place: Path) -> StreamPage:
    return play(place, lambda store: store.list(StreamQuery()))


async def two_appends(store: Store) -> None:
    """Three entries in two appends, under a lease."""
    lease = await store.lease(CHAT, "me", 60.0)
    await store.append(CHAT, [Draft('"1"')], expected=0, at=1.0, token=lease.token, labels={"naïve": "☕"})
    await store.append(CHAT, [Draft('"2"', seal="s"), Draft('"3"', 2)], expected=1, at=2.0, token=lease.token)


async def three_appends(store: Store) -> None:
    """Six entries in three appends, with a lease before, between and after them; and somebody else's stream."""
    await two_appends(store)
    lease = await store.lease(CHAT, "me", 90.0, 1)
    drafts = [Draft(f'"{number}"') for number in (4, 5, 6)]
    await store.append(CHAT, drafts, expected=3, at=3.0, token=lease.token)
    await store.lease(CHAT, "me", 0.0, lease.token)
    await store.append(OTHER, [Draft("1")], expected=0, at=1.0)


WHOLE = [f'"{number}"' for number in range(1, 7)]


def test_the_files_can_be_read_by_a_person(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    lines = file_of(tmp_path).read_text(encoding="utf-8").splitlines()
    assert '"tenant":"acme","user":"ann","session":"","kind":"session","id":"chat"' in lines[0]
    assert [line.rsplit(":", 1)[1] for line in lines if '"content"' in line] == [f"{text}}}" for text in WHOLE]
    assert '"labels":{"naïve":"☕"}' in lines[-1]


def test_a_tail_that_was_cut_anywhere_is_cut_back_to_what_was_committed_and_kept_beside(tmp_path: Path) -> None:
    play(tmp_path, two_appends)
    file = file_of(tmp_path)
    data = file.read_bytes()
    ends = committed_ends(data)

    async def story(store: Store) -> None:
        for cut in range(len(data)):
            file.write_bytes(data[:cut])
            if cut < min(ends) - 1:  # A file appears with its first row, so no crash leaves it without.
                with pytest.raises(DamagedStream):
                    await store.read(CHAT)
                continue
            end = max(end for end in ends if end <= cut + 1)  # A row that lacks only its line break is whole.
            found = await store.read(CHAT)
            assert [entry.content for entry in found.entries] == WHOLE[: ends[end]]
            assert file.read_bytes() == data[:cut]  # Whoever only reads changes nothing.
            if cut % 29 == 0 or data[cut - 1 : cut + 1].count(b"\n"):
                await append_after_a_crash(store, ends[end], found.stream.holder)
                assert file.read_bytes().startswith(data[:end])
                torn = file.with_suffix(".torn")
                assert (torn.read_bytes() if torn.exists() else b"\n") == data[end:cut] + b"\n"
                torn.unlink(missing_ok=True)

    play(tmp_path, story)


async def append_after_a_crash(store: Store, head: int, holder: str) -> None:
    drafts = [Draft('"more"'), Draft(f'"{"x" * 3000}"')]
    token = 1 if holder else None
    assert await store.append(CHAT, drafts, expected=head, at=9.0, token=token) == head + 2
    found = [entry.content for entry in (await store.read(CHAT)).entries]
    assert found == [*WHOLE[:head], *(draft.content for draft in drafts)]


def committed_ends(data: bytes) -> dict[int, int]:
    """Where each row ends, and how many entries there are up to it."""
    ends: dict[int, int] = {}
    at = entries = 0
    for line in data.splitlines(keepends=True):
        at += len(line)
        entries += b'"content":' in line
        if b'"head":' in line:
            ends[at] = entries
    return ends


@pytest.mark.timeout(1800)
def test_what_was_changed_in_a_file_is_noticed_and_other_streams_are_read(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    file, chance = file_of(tmp_path), random.Random(11)
    data = file.read_bytes()
    for _ in range(MUTATIONS):
        kind, changed = mutate(data, chance)
        file.write_bytes(changed)
        page = listed(tmp_path)
        if (
            kind == "cut" and not page.unreadable
        ):  # It cannot be told from what a crash leaves: only the end is missing.
            found = contents(tmp_path)
            assert found == WHOLE[: len(found)]
        else:
            with pytest.raises(DamagedStream, match=file.name):
                contents(tmp_path)
        assert contents(tmp_path, OTHER) == ["1"]
        assert OTHER in [stream.key for stream in page.streams]


def mutate(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The file with a byte flipped, its end cut off, lines removed, exchanged or written twice."""
    kind = chance.choice(("flip", "flip", "cut", "remove", "exchange", "twice"))
    place = chance.randrange(len(data))
    lines = data.splitlines(keepends=True)
    line = chance.randrange(len(lines) - 1)
    if kind == "flip":
        return kind, data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]
    if kind == "cut":
        return kind, data[:place]
    if kind == "remove":
        return kind, b"".join(lines[:line] + lines[line + chance.randrange(1, len(lines) - line) :])
    if kind == "exchange":
        lines[line], lines[line + 1] = lines[line + 1], lines[line]
    else:
        lines.insert(line, lines[line])
    return kind, b"".join(lines)


def test_a_stream_of_another_file_is_not_taken_for_this_one(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    shutil.copy(file_of(tmp_path, OTHER), file_of(tmp_path))
    with pytest.raises(DamagedStream):
        contents(tmp_path)
    assert len(listed(tmp_path).unreadable) == 1


def test_a_damaged_stream_is_reported_to_whom_it_concerns_refuses_appends_and_can_be_forgotten(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    data = file_of(tmp_path).read_bytes()
    file_of(tmp_path).write_bytes(data[:-3] + b"?" + data[-2:])

    async def story(store: Store) -> None:
        for work in (
            lambda: store.append(CHAT, [Draft("7")], expected=6, at=1.0),
            lambda: store.lease(CHAT, "me", 1.0),
            lambda: store.forget(CHAT, before=2),
            lambda: store.forget(CHAT, expected=6),
        ):
            with pytest.raises(DamagedStream, match="forget the stream"):
                await work()
        assert len((await store.list(StreamQuery(user="ann"))).unreadable) == 1
        assert (await store.list(StreamQuery(user="bob"))).unreadable == ()
        assert await store.forget(ANN) == 1
        assert await store.append(CHAT, [Draft("1")], expected=0, at=1.0) == 1

    play(tmp_path, story)


def test_forgetting_a_subject_says_where_it_cannot_tell_whose_a_stream_is(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    file = file_of(tmp_path, OTHER)
    file.write_bytes(b"?" + file.read_bytes()[1:])
    with pytest.raises(DamagedStream, match=file.name):
        play(tmp_path, lambda store: store.forget(ANN))
    assert not file_of(tmp_path).exists()


def test_what_is_forgotten_is_in_no_file(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        await store.append(CHAT, [Draft('"secret"')], expected=0, at=1.0, labels={"a": "secret"})
        with file_of(tmp_path).open("ab") as file:
            file.write(b'{"sum":"00000000","line":3 secret')  # A crash cuts an append.
        await store.append(CHAT, [Draft('"public"')], expected=1, at=1.0, labels={})

    play(tmp_path, story)
    (tmp_path / "new" / "left").write_text("secret")  # A crash leaves a file half made.
    assert names_with(tmp_path, b"secret") == [f"{name_of(CHAT)}.jsonl", f"{name_of(CHAT)}.torn", "left"]
    assert play(tmp_path, lambda store: store.forget(CHAT, before=2)) == 1
    assert names_with(tmp_path, b"secret") == []
    assert contents(tmp_path) == ['"public"']
    play(tmp_path, lambda store: store.forget(CHAT))
    assert names_with(tmp_path, b"public") == []


def names_with(place: Path, text: bytes) -> list[str]:
    return sorted(file.name for file in place.rglob("*") if file.is_file() and text in file.read_bytes())


@pytest.mark.parametrize("left", range(1, 60, 7))
def test_no_token_is_given_twice_whatever_became_of_the_file_of_numbers(tmp_path: Path, left: int) -> None:
    async def story(store: Store) -> list[int]:
        given: list[int] = []
        for _ in range(3):
            given.append((await store.lease(CHAT, "me", 60.0)).token)
            await store.forget(CHAT)
        return given

    first = play(tmp_path, story)
    numbers = tmp_path / "store.jsonl"
    data = numbers.read_bytes()
    numbers.write_bytes(data[:-left] + b"?" + data[len(data) - left + 1 :])
    second = play(tmp_path, story)
    os.truncate(numbers, numbers.stat().st_size - left % 20)  # A crash cuts what was not acknowledged.
    third = play(tmp_path, story)
    given = [*first, *second, *third[1:]]
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
            calls.extend({what.__name__} & {"pwrite", "fdatasync", "fsync", "replace", "unlink"})

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


@contextmanager
def without_rights(place: Path) -> Generator[None, None, None]:
    """Nothing may be written in the directory, which is the current one meanwhile."""
    before, everything = Path.cwd(), [place, *place.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    os.chdir(place)
    privileged = os.geteuid() == 0  # Whom no right is denied to.
    try:
        if privileged:
            os.seteuid(NOBODY)
        yield
    finally:
        if privileged:
            os.seteuid(0)
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
        with pytest.raises(StoreError, match="no journal store that can be used"):
            contents(tmp_path)
    numbers.unlink()
    with pytest.raises(StoreError, match="leases are not safe"):
        contents(tmp_path)
    numbers.write_bytes(data)
    assert contents(tmp_path) == WHOLE


def test_a_lock_that_is_not_released_is_an_error_that_may_be_tried_again(tmp_path: Path) -> None:
    import fcntl

    play(tmp_path, three_appends)
    with file_of(tmp_path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="busy_timeout") as refused:
            play(tmp_path, lambda store: store.read(CHAT), busy_timeout=0.01)
        assert refused.value.retryable
    assert contents(tmp_path) == WHOLE
