"""mem0 with models of our own, and the client of its hosted service with a server that plays it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lightagent.adapters.memory.mem0 import Mem0Memory, Mem0Options
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryPage, OwnerSelection
from tests.support.embedding_endpoint import EmbeddingServer, embedding_server, vectors_of_words
from tests.support.mem0_platform import KEY, Platform, mem0_platform

pytestmark = [pytest.mark.openai, pytest.mark.timeout(300)]

ADA = MemoryOwner(tenant="acme", user="ada")
BOB = MemoryOwner(tenant="acme", user="bob")
EVERYTHING = RecallFilter(0.0)
SECRET = "hunter2-hunter2"


def of_models(request: JsonObject) -> tuple[int, bytes]:
    """Vectors, and facts: each sentence of the new message is one."""
    if "messages" not in request:
        return vectors_of_words(request)
    said = json.dumps(request["messages"])
    facts = [f"Ada {fact}" for fact in ("likes tea", "lives in Zurich") if fact in said]
    return chat(json.dumps({"memory": [{"text": fact} for fact in facts]}))


def chat(content: str | None) -> tuple[int, bytes]:
    """What a model answers."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return 200, json.dumps(
        {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


@pytest.fixture
def endpoint() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        server.answer = of_models
        yield server


@pytest.fixture
def service() -> Iterator[Platform]:
    with mem0_platform() as server:
        yield server


def embedded(folder: Path, endpoint: EmbeddingServer, **options: object) -> Mem0Memory:
    known = {"path": str(folder), "base_url": endpoint.base_url, "api_key": SECRET, "dimension": 64}
    return Mem0Memory(Mem0Options.model_validate(known | {"embedding_model": "words"} | options))


@pytest.fixture
async def hosted(tmp_path: Path, service: Platform) -> AsyncIterator[Mem0Memory]:
    known = {"mode": "platform", "path": str(tmp_path), "host": service.url, "api_key": KEY}
    store = Mem0Memory(Mem0Options.model_validate(known))
    yield store
    await store.aclose()


def record(name: str, text: str, owner: MemoryOwner = ADA, **metadata: str | float) -> MemoryRecord:
    return MemoryRecord(name, owner, text, {"source": "user", **metadata}, 1.0)


async def texts(store: Mem0Memory, query: str, owner: MemoryOwner = ADA, wanted: RecallFilter = EVERYTHING) -> set[str]:
    return {one.text for one in await store.recall(owner, query, 5, wanted)}


async def test_a_model_makes_facts_of_what_was_said(tmp_path: Path, endpoint: EmbeddingServer) -> None:
    store = embedded(tmp_path, endpoint, infer=True)
    said = record("m", "She likes tea and lives in Zurich", topic="life")
    await store.write([said])
    chats = endpoint.paths.count("/v1/chat/completions")
    assert chats == 1
    await store.write([said])
    assert endpoint.paths.count("/v1/chat/completions") == chats
    assert await texts(store, "Ada") == {"Ada likes tea", "Ada lives in Zurich"}
    assert await texts(store, "Ada", wanted=RecallFilter(0.0, metadata={"topic": "work"})) == set()
    assert await texts(store, "Ada", BOB) == set()
    listed = [page.records async for page in _pages(store)]
    assert {one.owner for (one,) in listed} == {ADA}
    assert [one.metadata for (one,) in listed] == [said.metadata] * 2
    assert await store.forget(OwnerSelection(user="ada")) == 2
    assert await texts(store, "Ada") == set()
    # What was forgotten is told to no model any more, as the last messages would be.
    endpoint.received.clear()
    await store.write([record("n", "And coffee?")])
    assert "Zurich" not in json.dumps([one for one in endpoint.received if "messages" in one])
    await store.aclose()


async def test_texts_go_to_the_endpoint_that_is_named_and_nowhere_else(
    tmp_path: Path, endpoint: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """mem0 itself prefers the service for which the environment holds a key."""
    with embedding_server() as other:
        other.answer = of_models
        monkeypatch.setenv("OPENROUTER_API_KEY", "another key")
        monkeypatch.setenv("OPENROUTER_API_BASE", other.base_url)
        monkeypatch.setenv("OPENAI_BASE_URL", other.base_url)
        store = embedded(tmp_path, endpoint, infer=True)
        await store.write([record("m", "She likes tea")])
        assert await texts(store, "Ada") == {"Ada likes tea"}
        await store.aclose()
        assert other.paths == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "No.",
        "[1]",
        '{"memory": "x"}',
        '{"memory": [1]}',
        '{"memory": [{"text": 5}]}',
        '{"memory": [{"text": "A',
    ],
)
async def test_an_answer_without_facts_that_can_be_read_loses_no_text_in_silence(
    tmp_path: Path, endpoint: EmbeddingServer, content: str | None
) -> None:
    store = embedded(tmp_path, endpoint, infer=True)
    endpoint.answer = lambda request: chat(content) if "messages" in request else vectors_of_words(request)
    with pytest.raises(StoreError, match="no facts that can be read"):
        await store.write([record("m", "She likes tea")])
    endpoint.answer = lambda request: (
        chat('```json\n{"memory": []}\n```') if "messages" in request else vectors_of_words(request)
    )
    await store.write([record("m", "She likes tea")])
    endpoint.answer = of_models
    await store.write([record("m", "She likes tea")])
    assert await texts(store, "Ada") == {"Ada likes tea"}
    await store.aclose()


async def test_where_one_fact_gets_no_vector_the_text_is_written_again_as_a_whole(
    tmp_path: Path, endpoint: EmbeddingServer
) -> None:
    store = embedded(tmp_path, endpoint, infer=True)

    def half(request: JsonObject) -> tuple[int, bytes]:
        refused = "messages" not in request and "Ada lives" in json.dumps(request["input"])
        return (400, b'{"error": {"message": "no"}}') if refused else of_models(request)

    endpoint.answer = half
    said = record("m", "She likes tea and lives in Zurich")
    with pytest.raises(StoreError, match="BadRequestError"):
        await store.write([said])
    assert (await store.read(OwnerSelection(), 10)).records == ()
    endpoint.answer = of_models
    await store.write([said])
    assert await texts(store, "Ada") == {"Ada likes tea", "Ada lives in Zurich"}
    await store.aclose()


@pytest.mark.parametrize("body", [b'{"data": []}', b"{}", b"[]", b"null", b"<html>"])
async def test_an_endpoint_that_answers_something_else_is_a_store_error(
    tmp_path: Path, endpoint: EmbeddingServer, body: bytes
) -> None:
    store = embedded(tmp_path, endpoint)
    endpoint.answer = lambda _: (200, body)
    with pytest.raises(StoreError, match="mem0 failed"):
        await store.write([record("m", "green tea")])
    with pytest.raises(StoreError, match="mem0 failed"):
        await texts(store, "tea")
    await store.aclose()


async def _pages(store: Mem0Memory) -> AsyncIterator[MemoryPage]:
    cursor: str | None = None
    while True:
        page = await store.read(OwnerSelection(), 1, cursor)
        yield page
        if (cursor := page.cursor) is None:
            return


async def test_an_owner_named_like_a_wildcard_sees_nothing_of_others(tmp_path: Path, endpoint: EmbeddingServer) -> None:
    store = embedded(tmp_path, endpoint)
    await store.write([record("m", "green tea")])
    for name in ("*", " ada", "ada ", "acme:ada", "", "\ud800"):
        assert await texts(store, "green tea", MemoryOwner(user=name)) == set()
    await store.aclose()


# The client of Qdrant leaves the lock open that it was refused.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*lock:pytest.PytestUnraisableExceptionWarning")
async def test_other_models_than_those_of_the_folder_are_refused(tmp_path: Path, endpoint: EmbeddingServer) -> None:
    first = embedded(tmp_path, endpoint)
    await first.write([record("m", "green tea")])
    with pytest.raises(StoreError, match="Another process or object"):
        await texts(embedded(tmp_path, endpoint), "tea")
    await first.aclose()
    others = r"'openai:words' \(64 numbers\).*'openai:others' \(64 numbers\).*`lightagent memory copy`"
    with pytest.raises(ConfigurationError, match=others):
        await texts(embedded(tmp_path, endpoint, embedding_model="others"), "tea")
    again = embedded(tmp_path, endpoint)
    assert await texts(again, "tea") == {"green tea"}
    await again.aclose()


async def test_a_model_that_was_named_wrongly_is_named_anew_before_something_is_written(
    tmp_path: Path, endpoint: EmbeddingServer
) -> None:
    wrong = embedded(tmp_path, endpoint, embedding_model="typo", dimension=32)
    endpoint.answer = lambda _: (404, b'{"error": {"message": "no such model"}}')
    assert (await wrong.read(OwnerSelection(), 10)).records == ()
    with pytest.raises(StoreError):
        await wrong.write([record("m", "green tea")])
    await wrong.aclose()
    endpoint.answer = of_models
    store = embedded(tmp_path, endpoint)
    await store.write([record("m", "green tea")])
    assert await texts(store, "tea") == {"green tea"}
    await store.aclose()


async def test_a_model_that_fails_is_a_store_error_without_secrets(tmp_path: Path, endpoint: EmbeddingServer) -> None:
    store = embedded(tmp_path, endpoint, timeout=5.0)
    endpoint.answer = lambda request: (400, json.dumps({"error": {"message": f"{request} {SECRET}"}}).encode())
    with pytest.raises(StoreError) as caught:
        await store.write([record("m", "my password is swordfish")])
    assert SECRET not in f"{caught.value}{store!r}"
    assert "swordfish" not in str(caught.value)
    await store.aclose()


def test_mem0_tells_nobody_and_leaves_the_home_folder_alone(tmp_path: Path, endpoint: EmbeddingServer) -> None:
    """In a process of its own, whose every connection is noted."""
    program = f"""
import asyncio, socket
places = []
connect = socket.socket.connect
def noted(self, address):
    places.append(address)
    return connect(self, address)
socket.socket.connect = noted
from lightagent.adapters.memory.mem0 import Mem0Memory, Mem0Options
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
async def main():
    store = Mem0Memory(Mem0Options(path={str(tmp_path / "store")!r}, base_url={endpoint.base_url!r}, api_key="k",
                                   embedding_model="words", dimension=64))
    await store.write([MemoryRecord("m", MemoryOwner(), "green tea")])
    await store.aclose()
asyncio.run(main())
print({{place[0] for place in places}})
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEM0")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "{'127.0.0.1'}\n", done.stderr
    assert list(home.iterdir()) == []


async def test_the_hosted_service_keeps_finds_lists_and_forgets(hosted: Mem0Memory, service: Platform) -> None:
    await hosted.write([record("m", "green tea", topic="tea"), record("n", "green tea", BOB)])
    await hosted.write([record("m", "another text")])
    await hosted.write([record(f"{place}", f"green {place}", expires_at=float(place)) for place in range(110)])
    assert await texts(hosted, "green tea", wanted=RecallFilter(0.0, metadata={"topic": "tea"})) == {"green tea"}
    assert await texts(hosted, "green tea", BOB) == {"green tea"}
    assert await texts(hosted, "green tea", wanted=RecallFilter(0.0, sources=("tool",))) == set()
    assert await texts(hosted, "green", wanted=RecallFilter(109.0)) == {"green tea"}
    page = await hosted.read(OwnerSelection(tenant="acme"), 200)
    assert len(page.records) == 112
    assert await hosted.forget(OwnerSelection(user="ada"), ["m"]) == 1
    assert await hosted.forget(OwnerSelection(*ADA.parts)) == 110
    assert [one["memory"] for one in service.memories.values()] == ["green tea"]
    assert {body.get("infer") for path, body in service.received if path.endswith("/add/")} == {False}


async def test_a_service_that_ignores_its_filters_gives_nothing_of_others(
    hosted: Mem0Memory, service: Platform
) -> None:
    await hosted.write([record("m", "green tea"), record("n", "secret green tea", BOB)])
    service.heeds_filters = False
    assert await texts(hosted, "green tea") == {"green tea"}


@pytest.mark.parametrize(("most", "turns"), [(50, True), (1_000, False)])
async def test_all_is_listed_and_forgotten_however_the_service_turns_its_pages(
    hosted: Mem0Memory, service: Platform, most: int, turns: bool
) -> None:
    await hosted.write([record(f"{place}", f"green tea {place}") for place in range(90)])
    service.most_a_page, service.turns_pages = most, turns
    service.received.clear()
    assert len((await hosted.read(OwnerSelection(), 200)).records) == 90
    assert len(service.received) <= 3
    assert await hosted.forget(OwnerSelection(user="ada")) == 90
    assert service.memories == {}


async def test_what_is_gone_already_is_forgotten(hosted: Mem0Memory, service: Platform) -> None:
    await hosted.write([record("m", "green tea"), record("n", "black tea")])
    service.loses_deletions = True
    assert await hosted.forget(OwnerSelection(user="ada")) == 2
    assert service.memories == {}


async def test_what_cannot_be_read_keeps_nothing_else_from_being_forgotten(
    hosted: Mem0Memory, service: Platform
) -> None:
    await hosted.write([record("m", "green tea"), record("n", "black tea"), record("o", "white tea", BOB)])
    damaged = next(iter(service.memories.values()))["metadata"]
    assert isinstance(damaged, dict)
    damaged["lightagent"] = "{"
    with pytest.raises(StoreError, match="damaged"):
        await hosted.read(OwnerSelection(), 10)
    with pytest.raises(StoreError, match="1 memories in mem0 cannot be read"):
        await hosted.forget(OwnerSelection(user="ada"))
    assert [one["memory"] for one in service.memories.values()] == ["green tea", "white tea"]
    assert await hosted.forget(OwnerSelection(*BOB.parts)) == 1
    assert await hosted.forget(OwnerSelection(*ADA.parts)) == 1
    assert service.memories == {}


@pytest.mark.parametrize("answer", [{}, None, {"results": [None]}, {"results": [{}]}, {"results": [{"id": 7}]}])
async def test_a_service_that_answers_something_else_is_a_store_error(
    hosted: Mem0Memory, service: Platform, answer: JsonValue
) -> None:
    await hosted.write([record("m", "green tea")])
    service.says = answer
    with pytest.raises(StoreError, match="mem0 answered"):
        await hosted.forget(OwnerSelection())
    with pytest.raises(StoreError, match="mem0 answered"):
        await texts(hosted, "tea")


async def test_a_service_that_is_down_or_refuses_is_a_store_error(tmp_path: Path, service: Platform) -> None:
    known = {"mode": "platform", "path": str(tmp_path), "host": service.url}
    for key, status in ((KEY, 503), ("wrong", 200)):
        service.status = status
        store = Mem0Memory(Mem0Options.model_validate(known | {"api_key": key}))
        with pytest.raises(StoreError) as caught:
            await store.write([record("m", "green tea")])
        assert key not in str(caught.value)
        await store.aclose()
