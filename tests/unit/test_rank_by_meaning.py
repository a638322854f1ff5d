"""Ranking tools by what they mean."""

from collections.abc import Sequence

import pytest

from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.adapters.numpy_vectors import make_table
from lightagent.application.tool_selection.rank_by_meaning import MeaningRanker, tool_text
from lightagent.application.tool_selection.vector_cache import VectorCache
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.text.vectors import TextRole, Vector, unit_vector
from lightagent.domain.tools.spec import ToolSpec
from lightagent.testing import ManualClock


def spec(name: str, description: str, *parameters: str) -> ToolSpec:
    properties: JsonObject = {parameter: {"type": "string"} for parameter in parameters}
    return ToolSpec(name, description, {"type": "object", "properties": properties})


REFUND = spec("refundOrder", "Gives money back.", "order_id", "amount")
WEATHER = spec("weather_forecast", "Tells how warm it will be.", "city")
TOOLS = (WEATHER, REFUND)


def ranker(embedder: ScriptedEmbedder, clock: ManualClock | None = None) -> MeaningRanker:
    return MeaningRanker(VectorCache(embedder, clock or ManualClock()), make_table)


def test_the_text_of_a_tool_is_its_name_in_words_its_description_and_its_parameters() -> None:
    assert tool_text(REFUND) == "refund Order: Gives money back. order id, amount"
    assert tool_text(spec("get_HTTPUrl", "x")) == "get HTTPUrl: x "


@pytest.mark.parametrize("parameters", [{}, {"properties": None}, {"properties": []}, {"properties": {"a": 1}}])
def test_a_schema_of_any_form_has_a_text(parameters: JsonObject) -> None:
    assert tool_text(ToolSpec("a", "b", parameters)).startswith("a: b")


def test_of_a_huge_declaration_a_part_is_read() -> None:
    huge = ToolSpec("n" * 10_000, "d" * 1_000_000, {"properties": {f"{'p' * 5_000}{n}": {} for n in range(5_000)}})
    assert len(tool_text(huge)) < 12_000


async def test_the_nearest_tool_comes_first_also_in_other_words() -> None:
    told = {"I want my cash": [1.0, 0.1], tool_text(REFUND): [1.0, 0.0], tool_text(WEATHER): [0.0, 1.0]}
    found = await ranker(ScriptedEmbedder(told)).rank("I want my cash", TOOLS, 5)
    assert [one.name for one in found] == ["refundOrder", "weather_forecast"]
    assert found[0].score == pytest.approx(0.995, abs=1e-3)


async def test_the_limit_holds_and_nothing_is_asked_for_nothing() -> None:
    embedder = ScriptedEmbedder()
    chosen = ranker(embedder)
    assert list(await chosen.rank("refund", (), 5)) == []
    assert list(await chosen.rank(" \n", TOOLS, 5)) == []
    assert embedder.asked == ()
    assert len(await chosen.rank("refund", TOOLS, 1)) == 1


async def test_tools_are_embedded_once_and_only_what_changed_again() -> None:
    embedder = ScriptedEmbedder()
    chosen = ranker(embedder)
    await chosen.rank("refund", TOOLS, 5)
    await chosen.rank("weather", TOOLS, 5)
    changed = (REFUND, spec("weather_forecast", "Tells the wind."))
    await chosen.rank("wind", changed, 5)
    documents = [texts for role, texts in embedder.asked if role == "document"]
    assert documents == [tuple(map(tool_text, TOOLS)), (tool_text(changed[1]),)]
    assert [texts for role, texts in embedder.asked if role == "query"] == [("refund",), ("weather",), ("wind",)]


async def test_of_a_long_query_the_beginning_counts() -> None:
    embedder = ScriptedEmbedder()
    await ranker(embedder).rank("refund " * 10_000, TOOLS, 5)
    assert len(embedder.asked[-1][1][0]) == 4_000


async def test_a_query_of_another_dimension_is_refused() -> None:
    class Changed(ScriptedEmbedder):
        async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
            found = await super().embed(texts, role)
            return [unit_vector(vector[:8]) for vector in found] if role == "query" else found

    with pytest.raises(ProviderError, match="8 numbers for the query and of 64 for tools"):
        await ranker(Changed()).rank("refund", TOOLS, 5)


async def test_a_query_that_says_nothing_finds_nothing() -> None:
    assert await ranker(ScriptedEmbedder()).rank("?!", TOOLS, 10) == []
    assert await ranker(ScriptedEmbedder()).rank("city", TOOLS, 10) != []
