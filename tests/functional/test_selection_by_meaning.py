"""An agent with an embedder selects its tools by what they mean as well; without its answer, by their words alone."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from lightagent import (
    ConfigurationError,
    Journal,
    LightAgent,
    ProviderError,
    RunResult,
    ToolSelection,
    ToolSpec,
    before_run,
    open_app,
)
from lightagent.adapters.embedding.openai import OpenAIEmbedder
from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.adapters.numpy_vectors import make_table
from lightagent.adapters.system import SystemClock
from lightagent.application.tool_selection.rank_by_meaning import MeaningRanker, tool_text
from lightagent.application.tool_selection.vector_cache import VectorCache
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.phases import QueryPayload, Subject
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.ports.embedding import Embedder
from lightagent.settings import load_settings
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.support.embedding_endpoint import embedding_server
from tests.support.many_tools import many_tools, offered

FEW = ToolSelection(threshold=10, tokens=800)
# No tool shares a word with it.
CASHBACK = "I would like cash returned."
REFUND = "create_refund"


def knowing() -> dict[str, list[float]]:
    """What a model would know: the question is about refunds, and no other tool is."""
    specs: list[ToolSpec] = [one.spec for one in many_tools()]
    told = {tool_text(spec): [1.0, 0.0] if "refund" in spec.name else [0.0, 1.0] for spec in specs}
    return told | {CASHBACK: [1.0, 0.0], "money given back": [1.0, 0.0], "Which invoices?": [0.0, 1.0]}


def ask(embedder: Embedder | None, *answers: Reply, question: str = CASHBACK) -> tuple[RunResult, ScriptedModel]:
    model = ScriptedModel([*answers, "Done."])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW, embedder=embedder)
    return agent.run(question, result_format="object"), model


def selection(journal: Journal) -> ToolsSelected:
    (event,) = (event for event in journal.events if isinstance(event, ToolsSelected))
    return event


def test_words_alone_do_not_find_what_is_asked_for_in_others() -> None:
    _, model = ask(None)
    assert REFUND not in offered(model.requests[0])


def test_a_tool_is_found_by_what_it_means() -> None:
    result, model = ask(ScriptedEmbedder(knowing()))
    assert REFUND in offered(model.requests[0])
    event = selection(result.journal)
    assert event.rankers == ("lexical", "meaning")
    assert {"refund" in one.name for one in event.candidates[:5]} == {True}
    assert event.errors == ()
    assert Journal.from_json(result.journal.to_json()) == result.journal


def test_a_search_of_the_model_finds_by_meaning_as_well() -> None:
    embedder = ScriptedEmbedder(knowing())
    result, model = ask(embedder, call_tool("search_tools", query="money given back"), question="Which invoices?")
    first, second = model.requests
    assert REFUND not in offered(first)
    assert REFUND in offered(second)
    # The vectors of a hundred tools were made once, the queries are two.
    roles = [role for role, _ in embedder.asked]
    assert roles.count("query") == 2
    assert sum(len(texts) for role, texts in embedder.asked if role == "document") == 100
    assert result.content == "Done."


class Hanging(ScriptedEmbedder):
    """Never answers."""

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        await asyncio.Event().wait()
        return []


class Nonsense(ScriptedEmbedder):
    """Answers what no embedder does."""

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        return None  # type: ignore[return-value]


def _down(texts: Sequence[str]) -> None:
    raise ProviderError("The server is down.", code="LA-503")


@pytest.mark.parametrize(
    ("embedder", "code", "message"),
    [
        (ScriptedEmbedder(fail=_down), "LA-503", "The server is down."),
        (Nonsense(), "LA-UNKNOWN", "TypeError"),
        (OpenAIEmbedder("m", "k", "http://127.0.0.1:9/v1"), "LA-503", "The connection to 127.0.0.1 failed"),
        (OpenAIEmbedder("m", base_url="http://models.example/v1"), "LA-401", "There is no API key"),
    ],
)
def test_without_an_embedder_s_answer_the_words_decide(
    monkeypatch: pytest.MonkeyPatch, embedder: Embedder, code: str, message: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result, model = ask(embedder, question="Please refund what was paid.")
    assert result.content == "Done."
    assert REFUND in offered(model.requests[0])
    event = selection(result.journal)
    assert event.rankers == ("lexical",)
    (error,) = event.errors
    assert error.code == code
    assert message in error.message


def test_an_embedder_that_hangs_costs_its_seconds_once() -> None:
    impatient = MeaningRanker(VectorCache(Hanging(), SystemClock(), 0.05), make_table)
    model = ScriptedModel(["Done.", "Done."])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=replace(FEW, rankers=(impatient,)))

    async def both() -> list[RunResult]:
        return [await agent.arun("Please refund.", result_format="object") for _ in range(2)]

    first, second = asyncio.run(both())
    assert [one.content for one in (first, second)] == ["Done.", "Done."]
    assert "did not answer within 0.05 s" in selection(first.journal).errors[0].message
    assert "It is not asked again for" in selection(second.journal).errors[0].message


def test_what_a_model_is_offered_holds_when_the_embedder_comes_back() -> None:
    """The next turn of a run goes on with what was offered, whichever ranker found it."""
    failing = True

    def fail(texts: Sequence[str]) -> None:
        if failing:
            raise ProviderError("The server is down.", code="LA-503")

    embedder = ScriptedEmbedder(knowing(), fail)
    model = ScriptedModel([call_tool("create_refund", refund_id="7"), "Done."])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW, embedder=embedder)
    agent.run("Please refund what was paid.")
    failing = False
    assert offered(model.requests[0]) == offered(model.requests[1])


def test_an_embedder_is_shown_the_query_that_policies_let_pass() -> None:
    @before_run
    def without_names(payload: QueryPayload, subject: Subject) -> QueryPayload:
        return replace(payload, content=str(payload.content).replace("Ann Smith", "a customer"))

    embedder = ScriptedEmbedder()
    model = ScriptedModel(["Done."])
    agent = LightAgent(model=model, tools=many_tools(), tool_selection=FEW, embedder=embedder, hooks=[without_names])
    agent.run("Please refund Ann Smith.")
    asked = [text for _, texts in embedder.asked for text in texts]
    assert "Please refund a customer." in asked
    assert not any("Ann Smith" in text for text in asked)


def test_what_is_no_embedder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="embedder: expected an object with embed and aclose, got int"):
        LightAgent(model=ScriptedModel([]), embedder=7)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("table", "remote"),
    [('kind = "hashing"', False), ('kind = "openai"\nmodel = "told"\nbase_url = "{url}"', True)],
)
def test_one_line_of_the_settings_swaps_the_embedder(tmp_path: Path, table: str, remote: bool) -> None:
    with embedding_server() as server:
        file = tmp_path / "lightagent.toml"
        file.write_text(f"[default.embedding]\n{table.format(url=server.base_url)}\n")
        with open_app(load_settings(file, environ={}), environ={}) as app:
            agent = app.agent(model=ScriptedModel(["Done."]), tools=many_tools(), tool_selection=FEW)
            result = agent.run("Please refund what was paid.", result_format="object")
        assert selection(result.journal).rankers == ("lexical", "meaning")
        asked: list[JsonObject] = server.received
        assert bool(asked) is remote


class Giving(ScriptedEmbedder):
    """Gives this for every text."""

    def __init__(self, given: object) -> None:
        super().__init__()
        self._given = given

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        return [cast("Vector", self._given) for _ in texts]


@pytest.mark.parametrize(
    "given",
    [
        [1.0, 0.0],
        "ab",
        array("d", [1.0]),
        array("f"),
        array("f", [math.nan]),
        array("f", [math.inf]),
        array("f", [5.0]),
    ],
)
def test_an_embedder_that_gives_no_vectors_is_named_and_left_alone(given: object) -> None:
    result, model = ask(
        Giving(given), call_tool("search_tools", query="refund"), question="Please refund what was paid."
    )
    assert REFUND in offered(model.requests[0])
    (error,) = selection(result.journal).errors
    assert "The embedder 'scripted' did not return a vector" in error.message
    assert "unit_vector" in (error.guidance or "")
