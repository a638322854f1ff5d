"""What a memory is about, how it is written into a graph, and writes that are carried out together."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.memory.mem0.items import item_of, metadata_of, user_of
from lightagent.adapters.memory.neo4j import Neo4jMemory
from lightagent.adapters.memory.neo4j.conditions import conditions
from lightagent.adapters.memory.neo4j.encoding import escaped, sortable, unescaped
from lightagent.adapters.memory.neo4j.entities import entities_of, named_in_query, names_in, relations_of
from lightagent.adapters.memory.neo4j.together import Together
from lightagent.adapters.stemming import english_stemmer
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.search import terms_of

ODD = st.text(st.characters(exclude_categories=()) | st.sampled_from("\\u0\ud800 :*"), max_size=12)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ada Lovelace joined Acme.", ["Ada Lovelace", "Acme"]),
        ("She met Ada, Bob and the Royal Society in London!", ["She", "Ada", "Bob", "Royal Society", "London"]),
        ("I am what I am, and nothing else", []),
        ("Ada's cat; Bob\u2019s dog", ["Ada", "Bob"]),
        ("\u00c9mile trifft \u00d6zil (M\u00fcnchen)", ["\u00c9mile", "\u00d6zil", "M\u00fcnchen"]),
        ("\u738b\u5c0f\u660e\u559c\u6b22\u8336", []),
    ],
)
def test_names_are_words_with_a_capital(text: str, names: list[str]) -> None:
    assert list(names_in(text)) == names


def test_entities_are_what_the_metadata_names_and_the_names_of_the_text() -> None:
    metadata: JsonObject = {
        "entities": ["\u738b\u5c0f\u660e", {"name": "Acme Ltd"}, 5, {"name": None}, "x" * 500],
        "relations": [{"subject": "Ada", "relation": "leads", "object": "Acme Ltd"}, {"subject": "Ada"}, "nonsense"],
    }
    found = entities_of("Bob knows Ada.", metadata, english_stemmer())
    assert set(found.values()) == {"\u738b\u5c0f\u660e", "Acme Ltd", "Ada", "Bob"}
    assert [(one.subject, one.kind, one.object) for one in relations_of(metadata)] == [("Ada", "leads", "Acme Ltd")]
    asked = named_in_query(terms_of("Who leads Acme Ltd, \u738b\u5c0f\u660e?", english_stemmer()))
    assert {terms for terms, name in found.items() if name in ("Acme Ltd", "\u738b\u5c0f\u660e")} <= set(asked)


def test_a_hostile_text_has_few_entities() -> None:
    text = " and ".join(f"Name{number}" for number in range(50_000))
    assert len(entities_of(text, {"entities": ["A"] * 10_000, "relations": "x"}, english_stemmer())) == 64


@given(st.lists(ODD, min_size=2, max_size=2, unique=True))
def test_no_two_texts_are_written_alike(texts: list[str]) -> None:
    assert [unescaped(escaped(text)) for text in texts] == texts
    assert escaped(texts[0]) != escaped(texts[1])
    escaped(texts[0]).encode()


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_in_their_order(one: float, other: float) -> None:
    assert (sortable(one) < sortable(other)) == (one < other)
    assert "-" < sortable(one) < "y"


def test_a_query_cannot_leave_its_place_in_the_search() -> None:
    limits = conditions("key", RecallFilter(0.0, sources=('" OR marks:*',)))
    assert limits is not None
    lucene = limits.lucene(['tea"', "or", "\\"])
    assert 'terms:"tea\\"" terms:"or" terms:"\\\\"' in lucene
    assert "*" not in lucene


@given(st.lists(st.tuples(ODD, ODD, ODD), min_size=2, max_size=2, unique=True))
def test_no_two_owners_are_one_user_of_mem0(parts: list[tuple[str, str, str]]) -> None:
    one, other = (MemoryOwner(*some) for some in parts)
    assert user_of(one) != user_of(other)
    assert user_of(one) == user_of(one).strip() != "*"


@given(ODD, ODD)
def test_a_record_comes_back_from_mem0_as_it_was(text: str, name: str) -> None:
    record = MemoryRecord(name or "m", MemoryOwner(user=text), text, {"a": [1, {"b": None}]}, 2.5)
    metadata = metadata_of(record, 7, infer=False)
    found = item_of({"id": "x", "memory": "shown", "metadata": metadata})
    assert found is not None
    assert (found.order, found.record) == (7, record)
    assert item_of({"id": "x", "memory": "of somebody else", "metadata": {}}) is None
    with pytest.raises(StoreError, match="damaged"):
        item_of({"id": "x", "memory": "m", "metadata": metadata | {"lightagent": '{"owner": 5}'}})


@pytest.mark.parametrize(
    "url",
    [
        "neo4j://u:p@h",
        "http://h",
        "bolt://",
        "bolt://h:x",
        "bolt://h#p@ss",
        "swordfish",
        "bolt://h?x=1",
        "bolt://\ud800",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Neo4jMemory(url)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"connections": 0},
        {"connections": -1},
        {"connection_timeout": 0.0},
        {"connection_timeout": float("nan")},
        {"statement_timeout": -1.0},
        {"statement_timeout": float("inf")},
        {"nearby": 2.0},
        {"nearby": float("nan")},
        {"user": "\ud800", "password": "p"},
        {"database": "\ud800"},
        {"collection": "\ud800"},
    ],
)
def test_options_that_the_driver_would_stumble_over_are_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Neo4jMemory("bolt://h", **options)


async def test_all_who_wait_for_a_server_that_is_not_there_are_told_at_once() -> None:
    """One after another they would each wait as long as the first."""
    attempts = 0

    async def fail(items: Sequence[int]) -> None:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0)
        raise StoreError("down", guidance="", retryable=True)

    together = Together(fail, 50, _is_about_all)
    ended = await asyncio.gather(*(together.write([number]) for number in range(200)), return_exceptions=True)
    assert {str(one) for one in ended} == {"[LA-STORE] down"}
    assert attempts == 1
    with pytest.raises(StoreError):
        await together.write([1])
    assert attempts == 2


def _is_about_all(error: Exception) -> bool:
    return "down" in str(error)


class _Server:
    """Writes slowly; refuses what it is told to."""

    def __init__(self, refuses: int | None = None) -> None:
        self.refuses = refuses
        self.calls: list[list[int]] = []

    async def write(self, items: Sequence[int]) -> None:
        self.calls.append(list(items))
        for _ in range(5):
            await asyncio.sleep(0)
        if self.refuses in items:
            raise StoreError("refused", guidance="")


async def test_what_waits_is_written_together() -> None:
    server = _Server()
    together = Together(server.write, 50, _is_about_all)
    await asyncio.gather(*(together.write([number]) for number in range(100)))
    assert sorted(number for call in server.calls for number in call) == list(range(100))
    assert len(server.calls) == 3


async def test_nobody_fails_for_what_another_brought() -> None:
    server = _Server(refuses=7)
    together = Together(server.write, 50, _is_about_all)
    ended = await asyncio.gather(*(together.write([number]) for number in range(20)), return_exceptions=True)
    assert [number for number, one in enumerate(ended) if one is not None] == [7]


async def test_a_writer_that_is_cancelled_leaves_the_others_their_turn() -> None:
    server = _Server()
    together = Together(server.write, 50, _is_about_all)
    first, second, third = (asyncio.create_task(together.write([number])) for number in range(3))
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await third
    assert [2] in [call[-1:] for call in server.calls]
    assert (first.cancelled(), second.cancelled()) == (True, True)
