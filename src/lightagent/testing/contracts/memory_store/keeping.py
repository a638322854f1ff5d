"""What is written is there, as it was written, and once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.memory import MemoryPage, MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import (
    ANN,
    ANYTHING,
    BOB,
    EVERYBODY,
    Play,
    StoreUnderTest,
    memory,
    read_all,
    recalled,
    with_store,
)

TEXTS = (
    "I live in Lisbon.",
    "Meine Katze heißt Mia — sie ist drei.",
    "我喜欢喝绿茶、不喜欢咖啡。",
    "私は東京に住んでいます。",
    "저는 서울에서 일합니다.",
    "Меня зовут Анна.",
    "أعيش في القاهرة",
    'def f(a):\n    return {"a": [1, 2]}  # it\'s; DROP TABLE memories --',
    "🙂🎉👩‍👩‍👧",
    "e\u0301tude and \u00e9tude, \ufb01ne",
    "half of a pair: \ud83d, a zero: \x00 and more",
    "a\u202eb\u2028c\ufeffd",
    '* OR NEAR("a" b) AND NOT ^c: col:x (((',
    "",
    " \n\t ",
    "word " * 20_000,
)
"""Texts of many scripts; the last ones are what indexes and databases stumble over."""

METADATA: JsonObject = {
    "source": "user",
    "scope": "user",
    "agent_name": "tutor",
    "nested": {"list": [1, 2.5, None, True, "\u00e9\ud83d\x00"], "empty": {}},
    "große 1: a.b$c'\"": "x",
    "": "no name",
}


class KeepingContract(StoreUnderTest):
    """What is written."""

    def test_it_has_a_name_and_says_what_it_supports(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            assert store.name
            assert store.supports <= {"read", "forget", "filter", "ids"}

        play(story)

    def test_a_memory_is_found_by_its_words(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            texts = ["My dog is called Rex.", "I work at a bakery.", "My sister lives in Lisbon."]
            await store.write([memory(f"m{place}", text) for place, text in enumerate(texts)])
            assert (await recalled(store, "What is the name of my dog?"))[0] == texts[0]
            assert (await recalled(store, "bakery", limit=1)) == [texts[1]]
            assert (await recalled(store, "Where do my sisters live?"))[0] == texts[2]

        play(story)

    def test_what_is_found_says_whose_it_is_and_where_it_comes_from(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m1", "I collect stamps.", metadata=METADATA, at=1234.5)])
            (found,) = await store.recall(ANN, "stamps", 5, ANYTHING)
            assert found.text == "I collect stamps."
            assert found.fields["user_id"] == ANN.user_id
            assert found.fields["memory_id"] == "m1"
            assert {name: found.fields[name] for name in METADATA} == METADATA

        play(story, "ids")

    def test_what_was_found_may_be_changed_and_what_is_kept_is_not(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m1", "I collect stamps.", metadata={"source": "user", "seen": ["Rome"]})])
            for _ in range(2):
                (found,) = await store.recall(ANN, "stamps", 5, ANYTHING)
                seen = found.fields["seen"]
                assert seen == ["Rome"]
                assert isinstance(seen, list)
                seen.append("Oslo")

        play(story, "ids")

    def test_records_are_read_as_they_were_written(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            records = [
                memory(f"m{place}: {text[:20]}", text, metadata=METADATA, at=place + 0.25)
                for place, text in enumerate(TEXTS)
            ]
            for start in range(0, len(records), 5):
                await store.write(records[start : start + 5])
            assert list(await read_all(store)) == records
            assert list(await read_all(store, page=3)) == records

        play(story, "read")

    def test_any_text_can_be_searched_for(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory(f"m{place}", text) for place, text in enumerate(TEXTS)])
            for text in TEXTS:
                assert set(await recalled(store, text)) <= set(TEXTS)
            for text in TEXTS[:4]:
                assert (await recalled(store, text))[0] == text

        play(story)

    def test_the_same_id_of_the_same_owner_is_kept_once(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m1", "I like tea."), memory("m1", "I like tea.")])
            await store.write([memory("m1", "I like coffee."), memory("m2", "I like water.")])
            assert [record.text for record in await read_all(store)] == ["I like tea.", "I like water."]
            assert await recalled(store, "coffee", limit=1) != ["I like coffee."]
            assert await recalled(store, "tea", limit=1) == ["I like tea."]

        play(story, "ids", "read")

    def test_nothing_is_written_where_there_is_nothing_to_write(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([])
            assert await recalled(store, "anything") == []
            assert await recalled(store, "") == []
            await store.write([memory("m1", "I like tea.")])
            assert await recalled(store, "tea", limit=0) == []

        play(story)

    def test_an_empty_store_has_one_empty_page(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            page = await store.read(EVERYBODY, 10)
            assert (page.records, page.cursor) == ((), None)

        play(story, "read")

    @pytest.mark.parametrize("limit", [0, -1, -2])
    def test_a_page_of_nothing_is_empty(self, play: Play, limit: int) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory(f"m{number}", "I like tea.") for number in range(3)])
            assert await store.read(EVERYBODY, limit) == MemoryPage(())
            assert await recalled(store, "tea", limit=0) == []

        play(story, "read")

    def test_pages_go_on_where_the_one_before_ended_also_while_others_write(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory(f"m{number}", f"number {number}") for number in range(6)])
            await store.write([memory("b", "of Bob", BOB)])
            first = await store.read(OwnerSelection(user="ann"), 4)
            assert first.cursor is not None
            await store.write([memory("late", "written meanwhile")])
            rest = await store.read(OwnerSelection(user="ann"), 10, first.cursor)
            ids = [record.memory_id for record in (*first.records, *rest.records)]
            assert ids == ["m0", "m1", "m2", "m3", "m4", "m5", "late"]
            assert rest.cursor is None

        play(story, "read")

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "'", "½"])
    def test_a_cursor_of_somebody_else_is_refused(self, play: Play, cursor: str) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m1", "I like tea.")])
            with pytest.raises(StoreError):
                await store.read(EVERYBODY, 10, cursor)

        play(story, "read")

    def test_another_object_finds_what_was_acknowledged(self, tmp_path: Path) -> None:
        if not self.durable:
            pytest.skip("the store does not promise it")

        async def write(store: MemoryStore) -> None:
            await store.write([memory("m1", "My dog is called Rex.")])

        async def look(store: MemoryStore) -> None:
            assert await recalled(store, "dog", limit=1) == ["My dog is called Rex."]

        asyncio.run(with_store(self.open(tmp_path), write))
        asyncio.run(with_store(self.open(tmp_path), look))

    def test_it_is_closed_and_used_again(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.aclose()
            await store.write([memory("m1", "My dog is called Rex.")])
            await store.aclose()
            await store.aclose()
            assert await recalled(store, "dog", limit=1) == ["My dog is called Rex."]

        play(story)
