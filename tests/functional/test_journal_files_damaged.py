"""Journals in files that were cut or changed: what is mended, what is noticed, and that others are not affected."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from lightagent.adapters.journals.files.lines import Header, header_line, name_of, seed_of
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import Draft, StreamQuery
from tests.support.journal_files import (
    ANN,
    CHAT,
    OTHER,
    WHOLE,
    Store,
    contents,
    file_of,
    listed,
    play,
    three_appends,
    two_appends,
)

MUTATIONS = max(200, int(os.environ.get("TEST_SOAK_RUNS", "10000")) // 50)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such file locks")


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
                await write_after_a_crash(
                    store, ends[end], 1 if found.stream.holder else None, lease_first=cut % 2 == 0
                )
                assert file.read_bytes().startswith(data[:end])
                torn = file.with_suffix(".torn")
                assert (torn.read_bytes() if torn.exists() else b"\n") == data[end:cut] + b"\n"
                torn.unlink(missing_ok=True)

    play(tmp_path, story)


async def write_after_a_crash(store: Store, head: int, token: int | None, lease_first: bool) -> None:
    if lease_first:
        token = (await store.lease(CHAT, "next", 60.0, token)).token
    drafts = [Draft('"more"'), Draft(f'"{"x" * 3000}"')]
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


def test_a_change_of_any_byte_of_the_last_line_is_no_torn_tail(tmp_path: Path) -> None:
    play(tmp_path, two_appends)
    data = file_of(tmp_path).read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    for place in range(last, len(data)):
        file_of(tmp_path).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert len(listed(tmp_path).unreadable) == 1


def test_a_tail_that_no_crash_leaves_is_damage(tmp_path: Path) -> None:
    play(tmp_path, two_appends)
    *lines, second, third, _ = file_of(tmp_path).read_bytes().splitlines(keepends=True)
    for tail in ([third], [third, second], [second, second], [second, third[:-1] + b"?"], [b"\n"]):
        file_of(tmp_path).write_bytes(b"".join([*lines, *tail]))
        with pytest.raises(DamagedStream):
            contents(tmp_path)
    file_of(tmp_path).write_bytes(b"".join([*lines, second, third]))
    assert contents(tmp_path) == WHOLE[:1]


def test_a_first_line_that_is_missing_is_noticed_though_it_has_no_entry(tmp_path: Path) -> None:
    play(tmp_path, two_appends)  # It begins with a lease.
    for pruned in (False, True):
        data = file_of(tmp_path).read_bytes()
        header, _, *rest = data.splitlines(keepends=True)
        file_of(tmp_path).write_bytes(b"".join([header, *rest]))
        with pytest.raises(DamagedStream):
            contents(tmp_path)
        file_of(tmp_path).write_bytes(data)
        if not pruned:
            assert play(tmp_path, lambda store: store.forget(CHAT, before=99)) == 3
            assert contents(tmp_path) == []
            assert play(tmp_path, lambda store: store.append(CHAT, [Draft("4")], expected=3, at=1.0, token=1)) == 4
    assert contents(tmp_path) == ["4"]


def test_what_belongs_to_another_stream_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        for key in (CHAT, OTHER):
            await store.append(key, [Draft(f'"{key.owner.user}"')], expected=0, at=1.0)

    play(tmp_path, story)
    chat, other = file_of(tmp_path), file_of(tmp_path, OTHER)
    header, entry, row = chat.read_bytes().splitlines(keepends=True)
    _, others_entry, others_row = other.read_bytes().splitlines(keepends=True)
    renamed = header_line(seed_of(name_of(CHAT)), Header(OTHER, 1))
    for changed in (
        other.read_bytes(),
        header + others_entry + row,
        header + entry + others_row,
        renamed + entry + row,
    ):
        chat.write_bytes(changed)
        with pytest.raises(DamagedStream):
            contents(tmp_path)
        assert [stream.key for stream in listed(tmp_path).streams if stream.key != CHAT] == [OTHER]


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
    file_of(tmp_path).write_bytes(b"?" + file_of(tmp_path).read_bytes()[1:])
    with pytest.raises(DamagedStream):  # An append that nobody could read is not acknowledged.
        play(tmp_path, lambda store: store.append(CHAT, [Draft("2")], expected=1, at=1.0))


def test_forgetting_a_subject_says_where_it_cannot_tell_whose_a_stream_is(tmp_path: Path) -> None:
    play(tmp_path, three_appends)
    file = file_of(tmp_path, OTHER)
    file.write_bytes(b"?" + file.read_bytes()[1:])
    with pytest.raises(DamagedStream, match=file.name):
        play(tmp_path, lambda store: store.forget(ANN))
    assert not file_of(tmp_path).exists()
