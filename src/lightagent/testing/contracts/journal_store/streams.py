"""What a stream is: what is appended is read, in order and byte for byte, under the name that was given."""

from __future__ import annotations

import asyncio
from math import nan

import pytest

from lightagent.domain.errors import ConfigurationError, StreamConflict
from lightagent.domain.journals.streams import Draft, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.testing.contracts.journal_store.base import ANN, BOB, CHAT, PATIENCE, Play, StoreUnderTest

NAMES = {
    "empty": "",
    "with a null byte": "a\0b",
    "half a surrogate": "\ud800",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "a path": "../../etc/passwd",
    "a separator": "a/b",
    "another separator": "a:b",
    "a wildcard": "%",
    "a quote": "'; DROP TABLE streams; --",
    "upper case": "CHAT",
    "a blank": " ",
    "a line break": "a\nb",
    "an emoji": "👋🏽",
    "a device": "CON",
    "very long": "x" * 5000,
}
CONTENTS = {
    "numbers as written": '{"a": 1.0e5, "b": 10000000000000000000000, "c": -0.0}',
    "order and blanks": '{"b":1,  "a":2 , "b":3}',
    "escapes": '"\\u0000 \\ud800 \\u00e9 \\/"',
    "beyond the first plane": '"👋🏽 漢字 \u2028"',
    "a megabyte": '"' + "x" * 1_000_000 + '"',
}


class StreamsContract(StoreUnderTest):
    """Appending and reading."""

    def test_what_is_appended_is_read_in_order(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            assert await store.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=10.0) == 2
            assert await store.append(CHAT, [Draft('{"n": 3}', schema=7)], expected=2, at=11.5) == 3
            found = await store.read(CHAT)
            assert [(one.sequence, one.content, one.schema) for one in found.entries] == [
                (1, "1", 1),
                (2, "2", 1),
                (3, '{"n": 3}', 7),
            ]
            size = sum(self.kept_size(entry.content) for entry in found.entries)
            assert found.stream == StreamInfo(CHAT, 3, 0, {}, 10.0, 11.5, size)

        play(story)

    def test_a_stream_that_does_not_exist_is_empty(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            found = await store.read(CHAT)
            assert (found.entries, found.stream) == ((), StreamInfo(CHAT))
            assert await store.forget(CHAT) == 0
            assert (await store.list(StreamQuery())).streams == ()

        play(story)

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    def test_content_comes_back_byte_for_byte(self, play: Play, content: str) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft(content, seal="sealed")], expected=0, at=1.0)
            (entry,) = (await store.read(CHAT)).entries
            assert (entry.content, entry.seal) == (content, "sealed")
            assert (await store.read(CHAT)).stream.size == self.kept_size(content)

        play(story)

    @pytest.mark.parametrize(
        "content", ["", "1\n2", "1\r", '"\0"', '"\ud800"'], ids=["empty", "lines", "return", "null", "half"]
    )
    def test_what_cannot_be_kept_is_refused_and_nothing_is_written(self, play: Play, content: str) -> None:
        async def story(store: JournalStore) -> None:
            with pytest.raises(ConfigurationError):
                await store.append(CHAT, [Draft("1"), Draft(content)], expected=0, at=1.0)
            with pytest.raises(ConfigurationError):
                await store.append(CHAT, [], expected=0, at=1.0)
            assert (await store.read(CHAT)).stream.head == 0

        play(story)

    def test_what_no_store_can_keep_or_find_is_refused(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, seal="s")
            huge, one = 2**70, [Draft("2")]
            for asked in (
                lambda: store.append(CHAT, one, expected=1, at=nan),
                lambda: store.append(CHAT, one, expected=1, at=10**400),
                lambda: store.append(CHAT, [Draft("2", schema=huge)], expected=1, at=2.0),
                lambda: store.append(CHAT, one, expected=huge, at=2.0),
                lambda: store.append(CHAT, one, expected=1, at=2.0, token=huge),
                lambda: store.append(CHAT, one, expected=1, at=2.0, seal="\0"),
                lambda: store.append(CHAT, [Draft("2", seal="\ud800")], expected=1, at=2.0),
                lambda: store.read(CHAT, after=huge),
                lambda: store.lease(CHAT, "h", nan),
                lambda: store.lease(CHAT, "h", 1.0, huge),
                lambda: store.forget(CHAT, before=huge),
                lambda: store.forget(CHAT, expected=huge),
                lambda: store.forget(CHAT, before=2, seal="\ud800"),
                lambda: store.list(StreamQuery(updated_after=nan)),
                lambda: store.list(StreamQuery(cursor="no cursor")),
            ):
                with pytest.raises(ConfigurationError):
                    await asked()
            assert [stream.key for stream in (await store.list(StreamQuery(updated_before=10**25))).streams] == [CHAT]
            stream = (await store.read(CHAT)).stream
            assert (stream.head, stream.base, stream.seal, stream.holder) == (1, 0, "s", "")

        play(story)

    def test_an_append_that_expects_another_end_is_refused_and_told_both(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            for expected in (0, 2, 7):
                with pytest.raises(StreamConflict) as refused:
                    await store.append(CHAT, [Draft("2")], expected=expected, at=2.0, labels={"a": "b"})
                assert (refused.value.expected, refused.value.actual) == (expected, 1)
            found = await store.read(CHAT)
            assert [entry.content for entry in found.entries] == ["1"]
            assert found.stream.labels == {}

        play(story)

    def test_an_append_may_ask_for_the_seal_that_it_replaces(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            with pytest.raises(StreamConflict):
                await store.append(CHAT, [Draft("1")], expected=0, at=1.0, replacing="first")
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, seal="first", replacing="")
            await store.append(CHAT, [Draft("2")], expected=1, at=1.0, seal="second", replacing="first")
            await store.forget(CHAT)
            await store.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0, seal="other")
            with pytest.raises(StreamConflict):  # It ends at the same entry, and is another stream.
                await store.append(CHAT, [Draft("3")], expected=2, at=1.0, seal="third", replacing="second")
            found = await store.read(CHAT)
            assert (found.stream.head, found.stream.seal) == (2, "other")
            head = (await store.read(CHAT)).stream.head
            await store.append(CHAT, [Draft("bare")], expected=head, at=9.0)
            assert (await store.read(CHAT)).stream.seal == ""  # The earlier seal is that of another end.

        play(story)

    def test_a_part_or_the_tail_is_read_alone(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft(str(n)) for n in range(1, 11)], expected=0, at=1.0)

            async def read(after: int, limit: int = 1000) -> list[int]:
                return [entry.sequence for entry in (await store.read(CHAT, after, limit)).entries]

            assert await read(7) == [8, 9, 10]
            assert await read(2, 3) == [3, 4, 5]
            assert await read(-2) == [9, 10]
            assert await read(-20) == [*range(1, 11)]
            assert await read(-4, 2) == [7, 8]
            assert await read(10) == await read(99) == []
            for limit in (0, -1, 1001):
                with pytest.raises(ConfigurationError):
                    await store.read(CHAT, limit=limit)

        play(story)

    def test_a_reader_may_wait_for_what_comes(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            watcher = asyncio.create_task(store.read(CHAT, wait=PATIENCE))
            await asyncio.sleep(0)
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            found = await asyncio.wait_for(watcher, PATIENCE / 2)
            assert [entry.content for entry in found.entries] == ["1"]
            assert (await store.read(CHAT, after=1, wait=0.01)).entries == ()

        play(story)

    @pytest.mark.parametrize("part", ["tenant", "user", "session", "kind", "id"])
    def test_any_text_names_a_stream_and_no_two_are_the_same(self, play: Play, part: str) -> None:
        async def story(store: JournalStore) -> None:
            keys = [key_with(part, name) for name in NAMES.values()]
            for key in keys:
                await store.append(key, [Draft("1")], expected=0, at=1.0, labels={key_part(key, part): "x"})
            for key in keys:
                found = await store.read(key)
                assert (found.stream.key, found.stream.head) == (key, 1)
            listed = [stream.key for stream in (await store.list(StreamQuery())).streams]
            assert listed == keys[::-1]

        play(story)

    def test_the_same_name_of_another_owner_or_kind_is_another_stream(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            for other in (
                StreamKey(BOB, "session", "chat"),
                StreamKey(Scope("", "ann"), "session", "chat"),
                StreamKey(Scope("acme", "ann", "s"), "session", "chat"),
                StreamKey(ANN, "run", "chat"),
                StreamKey(Scope("acmeann", ""), "session", "chat"),
            ):
                assert (await store.read(other)).stream.head == 0
                await store.append(other, [Draft("2")], expected=0, at=1.0)
            assert [entry.content for entry in (await store.read(CHAT)).entries] == ["1"]

        play(story)


def key_with(part: str, name: str) -> StreamKey:
    """A key of which one part is `name`."""
    parts = {"tenant": "t", "user": "u", "session": "s", "kind": "k", "id": "i", part: name}
    return StreamKey(Scope(parts["tenant"], parts["user"], parts["session"]), parts["kind"], parts["id"])


def key_part(key: StreamKey, part: str) -> str:
    """The same part of a key."""
    owner = key.owner
    parts = {"tenant": owner.tenant, "user": owner.user, "session": owner.session, "kind": key.kind, "id": key.id}
    return parts[part]
