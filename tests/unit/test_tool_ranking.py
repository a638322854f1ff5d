"""How tools are ranked by their words, how rankings are fused, and how many tools fit into a request."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent import JsonObject, ToolSpec
from lightagent.adapters.stemming import english_stemmer
from lightagent.application.tool_selection import rank_by_words
from lightagent.application.tool_selection.rank_by_words import WordRanker
from lightagent.domain.tools.choice import chosen_tools
from lightagent.domain.tools.ranking import RankedTool, as_ranking, fuse
from lightagent.domain.tools.search_texts import tool_texts
from lightagent.domain.tools.selection import OfferedTool, as_offered, joined_tools, names_within
from tests.support.many_tools import many_tools


def ranking(*names: str) -> list[RankedTool]:
    return [RankedTool(name, 1.0) for name in names]


NESTED: JsonObject = {
    "type": "object",
    "properties": {
        "filter": {
            "anyOf": [
                {"type": "object", "properties": {"shippingAddress": {"description": "Where it is delivered."}}},
                {"type": "array", "items": {"enum": ["express", 3, None]}},
            ]
        }
    },
    "$defs": {"Colour": {"enum": ["crimson"]}},
    "allOf": [{"properties": {"giftWrap": True}}],
}


def test_a_tool_is_found_by_its_name_its_description_its_parameters_and_their_values() -> None:
    spec = ToolSpec("buyThing", "Buys something.", NESTED, title="Purchase")
    name, description, parameters, descriptions, values = (text.text for text in tool_texts(spec))
    assert (name, description) == ("buyThing", "Purchase Buys something.")
    assert set(parameters.split()) == {"filter", "shippingAddress", "giftWrap"}
    assert descriptions == "Where it is delivered."
    assert set(values.split()) == {"express", "crimson"}


def test_no_more_than_a_part_of_a_huge_declaration_is_read() -> None:
    nested: JsonObject = {"description": "deep"}
    for _ in range(60):
        nested = {"items": nested}
    wide: JsonObject = {"properties": {f"p{number}": {"description": "x" * 10_000} for number in range(10_000)}}
    endless: JsonObject = {"enum": [f"value{number}" for number in range(100_000)]}
    odd: JsonObject = {"properties": ["x"], "anyOf": {"a": 1}, "items": [1], "enum": 3, "description": 4}
    for parameters in (nested, wide, endless, odd):
        read = tool_texts(ToolSpec("t", "y" * 1_000_000, parameters))
        assert sum(len(text.text) for text in read) < 100_000


async def test_words_are_stemmed_and_identifiers_split() -> None:
    ranker = WordRanker(english_stemmer())
    specs = (
        ToolSpec("cancelSubscription", "Ends a contract.", {}),
        ToolSpec("list_orders", "Shows what was bought.", {}),
        ToolSpec("x", "Nothing of the kind.", {}),
    )
    found = await ranker.rank("Please cancel all my subscriptions", specs, 10)
    assert [tool.name for tool in found] == ["cancelSubscription"]
    assert [tool.name for tool in await ranker.rank("which order is it", specs, 10)] == ["list_orders"]
    assert ranker.name == "lexical"


async def test_only_what_has_changed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    threads: set[int] = set()

    def noted(spec: ToolSpec) -> object:
        read.append(spec.name)
        threads.add(threading.get_ident())
        return tool_texts(spec)

    monkeypatch.setattr(rank_by_words, "tool_texts", noted)
    ranker = WordRanker(english_stemmer())
    tools = tuple(tool.spec for tool in many_tools())
    await asyncio.gather(*(ranker.rank("refund", tools, 5) for _ in range(5)))
    assert len(read) == 100
    assert threading.get_ident() not in threads, "an index is made beside the event loop"
    read.clear()
    changed = (replace(tools[0], description="Pays everything back: a refund."), *tools[2:])
    assert tools[0].name in [tool.name for tool in await ranker.rank("refund", changed, 10)]
    assert read == [tools[0].name]
    read.clear()
    # The same declarations as other objects, as a server gives them when it is asked again.
    await ranker.rank("refund", tuple(replace(tool) for tool in changed), 10)
    assert read == []
    assert "delete_invoice" not in [tool.name for tool in await ranker.rank("delete invoice", changed, 100)]


def test_a_stemmer_serves_any_number_of_threads() -> None:
    stem = english_stemmer()
    words = [f"{start}{end}" for start in ("relat", "gener", "connect", "hop") for end in ("ing", "ed", "ion", "s")]
    expected = {word: stem(word) for word in words}
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(word for word in words * 50 if stem(word) != expected[word])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert stem("subscriptions") == stem("subscription")


def test_a_tool_that_several_rankers_name_comes_first() -> None:
    fused = fuse([ranking("a", "b", "c"), ranking("d", "b")])
    assert [tool.name for tool in fused] == ["b", "a", "d", "c"]
    assert fuse([]) == fuse([[], []]) == ()
    assert [tool.name for tool in fuse([ranking("a"), ranking("b")], weights=[1.0, 2.0])] == ["b", "a"]


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=4))
def test_fusion_keeps_every_tool_once_and_the_order_of_a_single_ranking(rankings: list[list[str]]) -> None:
    fused = [tool.name for tool in fuse([ranking(*names) for names in rankings])]
    assert sorted(fused) == sorted({name for names in rankings for name in names})
    if len(rankings) == 1:
        assert fused == rankings[0]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "1", None, True])
def test_a_ranking_holds_names_and_numbers(score: object) -> None:
    made = RankedTool("a", 1.0)
    object.__setattr__(made, "score", score)
    assert as_ranking([made]) is None
    assert as_ranking(["a"]) is None
    assert as_ranking(ranking("a", "b")) == tuple(ranking("a", "b"))


def test_as_many_tools_are_taken_as_their_declarations_fit() -> None:
    costs = {"a": 60, "huge": 1_000, "b": 30, "c": 30, "d": 5, "e": 90}

    def taken(tokens: int, most: int = 10, *names: str) -> tuple[str, ...]:
        names = names or ("a", "huge", "b", "c", "d")
        return names_within(ranking(*names), costs.__getitem__, tokens=tokens, most=most)

    assert taken(100) == ("a", "b", "d"), "one that is too large keeps no smaller one out"
    assert taken(2_000) == ("a", "huge", "b", "c", "d")
    assert taken(2_000, 2) == ("a", "huge")
    assert taken(2_000, 0) == ()
    assert taken(100, 10, "a", *["huge"] * 5, "b") == ("a", "b")
    assert taken(100, 10, "a", *["e"] * 6, "b") == ("a",), "what fits badly is not taken because it is small"
    assert taken(100, 10, "a", *["huge"] * 6, "b") == ("a", "b"), "what never fits says nothing of what is left"
    assert taken(100, 10, "a", *["huge"] * 60, "b") == ("a",), "not all of a catalogue is looked through"
    assert taken(10, 10, "huge", "a", "d") == ("huge", "d"), "without any tool the model could not go on"


def test_a_tool_keeps_the_declaration_that_it_was_offered_with() -> None:
    spec = ToolSpec("pay", "Pays.", {"type": "object"}, requires_approval=True)
    offered = as_offered(spec)
    assert offered.applied_to(spec) is spec
    later = replace(spec, description="Pays at once!", requires_approval=False)
    assert offered.applied_to(later) == replace(spec, requires_approval=False), "how it is run follows the tool"
    other = OfferedTool("pay", "Other.", {})
    assert joined_tools((offered,), (other, OfferedTool("b", "", {}))) == (offered, OfferedTool("b", "", {}))


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ()),
        ({"tool_choice": "auto"}, ()),
        ({"tool_choice": {"type": "function", "function": {"name": "pay"}}}, ("pay",)),
        ({"tool_choice": {"type": "tool", "name": "pay"}}, ("pay",)),
        ({"function_call": {"name": "pay"}}, ("pay",)),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "pay"}}]},
                }
            },
            ("pay",),
        ),
        ({"tool_choice": {"function": {"name": 3}}}, ()),
    ],
)
def test_tools_that_a_request_names_are_known(params: JsonObject, names: tuple[str, ...]) -> None:
    assert chosen_tools(params) == names


async def test_the_words_of_a_long_query_are_looked_at_off_the_loop() -> None:
    here: list[bool] = []

    def stem(word: str) -> str:
        here.append(threading.current_thread() is threading.main_thread())
        return word

    tools = (ToolSpec("refund", "Refunds.", {}),)
    (found,) = await WordRanker(stem).rank(f"refund {'word ' * 1_000}", tools, 10)
    assert found.name == "refund"
    assert len(here) > 1_000
    assert not any(here)
