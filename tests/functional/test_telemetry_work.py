"""Searches in memories and requests for vectors as spans: whose they are, where they go, and what they found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ContentCapture, ContentMode, InProcessMemory, LightAgent, MemoryPolicy, ToolSelection
from lightagent.adapters.embedding.litellm import LiteLLMEmbedder
from lightagent.adapters.embedding.openai import OpenAIEmbedder
from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.adapters.memory.sqlite.store import SqliteMemory
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.ports.embedding import ServedEmbedder
from lightagent.testing import ScriptedModel
from tests.support.embedding_endpoint import embedding_server
from tests.support.many_tools import many_tools
from tests.support.recorded_spans import RecordedSpans, attributes, parent_id, span_id, status

SAID = "Remember that my favourite tea is oolong"
ASKED = "Which tea do I like?"


class Broken(InProcessMemory):
    """A store whose search fails, and says over what."""

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> list[FoundMemory]:
        raise StoreError(f"No index for {query!r}.")


async def recalled(mode: ContentMode) -> RecordedSpans:
    """A run that remembers, and one that recalls; the spans are those of the second."""
    spans = RecordedSpans(content=ContentCapture(mode))
    agent = LightAgent(
        name="desk",
        model=ScriptedModel(["Noted.", "Oolong."]),
        memory=InProcessMemory(),
        memory_policy=MemoryPolicy(namespace="shop"),
        telemetry=[spans.sink],
    )
    await agent.arun(SAID, user_id="ann")
    spans.clear()
    await agent.arun(ASKED, user_id="ann")
    return spans


async def test_a_search_is_a_span_below_its_run() -> None:
    spans = await recalled(ContentMode.NO_CONTENT)
    search = spans.one("retrieval")
    assert parent_id(search) == span_id(spans.one("invoke_agent"))
    told = attributes(search)
    assert told["gen_ai.operation.name"] == "retrieval"
    assert search.name == f"retrieval {told['gen_ai.data_source.id']}"
    assert isinstance(told["gen_ai.request.top_k"], float)
    assert told["user.id"] == "ann"
    assert status(search) == ("UNSET", "")
    assert "oolong" not in search.to_json()
    operations = {(point.attributes or {})["gen_ai.operation.name"] for point in spans.points(DURATION)}
    assert operations == {"chat", "retrieval"}


DURATION = "gen_ai.client.operation.duration"


@pytest.mark.parametrize("mode", ContentMode)
async def test_query_and_documents_are_there_where_spans_hold_texts(mode: ContentMode) -> None:
    spans = await recalled(mode)
    told = attributes(spans.one("retrieval"))
    texts = {name for name in told if name.startswith("gen_ai.retrieval.")}
    if not mode.on_spans:
        assert not texts
        return
    assert told["gen_ai.retrieval.query.text"] == ASKED
    (document,) = json.loads(str(told["gen_ai.retrieval.documents"]))
    assert document.keys() == {"id", "score", "content"}
    assert document["id"]
    assert document["score"] == 1
    assert SAID in document["content"]


@pytest.mark.parametrize("mode", [ContentMode.NO_CONTENT, ContentMode.SPAN_ONLY])
async def test_a_search_that_fails_says_why_where_spans_hold_texts(mode: ContentMode) -> None:
    spans = RecordedSpans(content=ContentCapture(mode))
    agent = LightAgent(model=ScriptedModel(["Hm."]), memory=Broken(), telemetry=[spans.sink])
    await agent.arun(ASKED, user_id="ann")
    search = spans.one("retrieval")
    assert status(search)[0] == "ERROR"
    assert (ASKED in search.to_json()) is mode.on_spans
    assert ("lightagent.error.message" in attributes(search)) is mode.on_spans
    assert "gen_ai.retrieval.documents" not in attributes(search)


async def test_vectors_are_spans_below_the_search_with_the_server_they_come_from(tmp_path: Path) -> None:
    spans = RecordedSpans()
    with embedding_server() as server:
        embedder = OpenAIEmbedder("embed-small", base_url=server.base_url)
        memory = SqliteMemory(tmp_path / "memories.db", embedder=embedder)
        agent = LightAgent(model=ScriptedModel(["Noted.", "Oolong."]), memory=memory, telemetry=[spans.sink])
        await agent.arun(SAID, user_id="ann")
        spans.clear()
        await agent.arun(ASKED, user_id="ann")
        await memory.aclose()
        sent = server.headers[-1]
    vectors = [span for span in spans.named("embeddings") if parent_id(span) == span_id(spans.one("retrieval"))]
    (query,) = vectors
    told = attributes(query)
    assert query.name == "embeddings embed-small"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "embed-small"
    assert told["server.address"] == "127.0.0.1"
    assert told["server.port"] == server.server_port
    assert told["lightagent.count"] == 1
    assert isinstance(told["gen_ai.embeddings.dimension.count"], int)
    assert "authorization" not in sent or sent["authorization"] not in query.to_json()
    points = [one.attributes or {} for one in spans.points(DURATION)]
    (measured,) = (one for one in points if one["gen_ai.operation.name"] == "embeddings")
    assert measured["server.address"] == "127.0.0.1"


async def test_tools_that_are_selected_by_meaning_ask_for_vectors_below_the_run() -> None:
    spans = RecordedSpans()
    with embedding_server() as server:
        embedder = OpenAIEmbedder("embed-small", base_url=server.base_url)
        agent = LightAgent(
            model=ScriptedModel(["Done."]),
            tools=many_tools(),
            tool_selection=ToolSelection(threshold=10, tokens=800),
            embedder=embedder,
            telemetry=[spans.sink],
        )
        await agent.arun("Renew the certificates of servers")
        await embedder.aclose()
    asked = spans.named("embeddings embed-small")
    assert {parent_id(span) for span in asked} == {span_id(spans.one("invoke_agent"))}
    assert 1 in [attributes(span)["lightagent.count"] for span in asked]


def test_embedders_tell_where_they_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    expected = {
        OpenAIEmbedder("m"): ModelEndpoint("openai", "api.openai.com", 443),
        OpenAIEmbedder("m", base_url="https://api.mistral.ai/v1"): ModelEndpoint("mistral_ai", "api.mistral.ai", 443),
        LiteLLMEmbedder("cohere/embed-v4.0"): ModelEndpoint("cohere"),
        LiteLLMEmbedder("own/m", api_base="http://10.0.0.1:8000/v1"): ModelEndpoint("", "10.0.0.1", 8000),
        LiteLLMEmbedder("own/m", api_base="http://[half"): ModelEndpoint(""),
    }
    for embedder, endpoint in expected.items():
        assert isinstance(embedder, ServedEmbedder)
        assert embedder.endpoint == endpoint


class Odd(ScriptedEmbedder):
    """Somebody's own, whose attributes mean something else."""

    model = 7
    endpoint = "http://127.0.0.1:1/v1"


async def test_attributes_that_mean_something_else_do_no_harm(tmp_path: Path) -> None:
    spans = RecordedSpans()
    memory = SqliteMemory(tmp_path / "memories.db", embedder=Odd())
    agent = LightAgent(model=ScriptedModel(["Oolong."]), memory=memory, telemetry=[spans.sink])
    assert await agent.arun(ASKED, user_id="ann") == "Oolong."
    await memory.aclose()
    told = [attributes(span) for span in spans.named("embeddings")]
    assert {str(one["gen_ai.request.model"]) for one in told} == {Odd().name}
    assert all("server.address" not in one for one in told)
