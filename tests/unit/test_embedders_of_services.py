"""Embedders behind a service: what is sent, what its failures become, and what of its answers is refused."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lightagent.adapters._endpoints.litellm_library import LISTS as CALLBACKS
from lightagent.adapters.embedding.cached import CachedEmbedder
from lightagent.adapters.embedding.litellm import LiteLLMEmbedder
from lightagent.adapters.embedding.openai import OpenAIEmbedder
from lightagent.adapters.registry import open_adapter
from lightagent.aiokits.observed_work import listen
from lightagent.compose.configured.backends import open_embedding
from lightagent.domain.errors import ConfigurationError, LightAgentError, ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder
from lightagent.settings import load_settings
from lightagent.settings.report import rows
from tests.support.embedding_endpoint import EmbeddingServer, embedding_server

KEY = "sk-test-0123456789abcdef"
_LITELLM = (pytest.mark.litellm, pytest.mark.filterwarnings("default"))
BOTH = pytest.mark.parametrize("kind", ["openai", pytest.param("litellm", marks=_LITELLM)])


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        yield server


@pytest.fixture
def server(running: EmbeddingServer) -> EmbeddingServer:
    running.reset()
    return running


def opened(kind: str, server: EmbeddingServer, **options: object) -> Embedder:
    place: dict[str, object] = {"api_key": KEY, "base_url": server.base_url}
    model = "told" if kind == "openai" else "openai/told"
    embedder = open_adapter("embedding", kind, {"model": model, **place, **options})
    assert isinstance(embedder, Embedder)
    return embedder


def embedded(embedder: Embedder, *texts: str, role: TextRole = "document") -> list[Vector]:
    async def run() -> list[Vector]:
        try:
            return list(await embedder.embed(texts, role))
        finally:
            await embedder.aclose()

    return asyncio.run(run())


@BOTH
def test_what_is_sent(server: EmbeddingServer, kind: str) -> None:
    embedder = opened(kind, server, dimensions=32, query_prefix="query: ", max_characters=10)
    (vector,) = embedded(embedder, "a text of more than ten characters", role="query")
    (request,) = server.received
    assert server.paths == ["/v1/embeddings"]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert request["model"] == "told"
    assert request["input"] == ["query: a text of "]
    assert request["dimensions"] == 32
    assert len(vector) == embedder.dimension == 32


@BOTH
def test_without_texts_nothing_is_sent(server: EmbeddingServer, kind: str) -> None:
    assert embedded(opened(kind, server)) == []
    assert server.received == []


def answering(status: int, body: JsonValue) -> Callable[[JsonObject], tuple[int, bytes]]:
    return lambda request: (status, body.encode() if isinstance(body, str) else json.dumps(body).encode())


@BOTH
@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        *((400, "LA-400", False), (401, "LA-401", False), (404, "LA-404", False)),
        *((429, "LA-429", True), (500, "LA-500", True), (503, "LA-503", True)),
    ],
)
def test_a_refusal_is_typed_shows_no_key_and_is_not_retried(
    server: EmbeddingServer, kind: str, status: int, code: str, retryable: bool
) -> None:
    server.answer = answering(status, {"error": {"message": f"No, {KEY} will not do."}})
    with pytest.raises(ProviderError) as raised:
        embedded(opened(kind, server), "text")
    assert (raised.value.code, raised.value.retryable) == (code, retryable)
    assert "will not do" in raised.value.message
    assert len(server.received) == 1
    assert KEY not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


def data(*items: JsonValue) -> JsonObject:
    return {"object": "list", "model": "told", "data": list(items)}


def item(index: int, *values: JsonValue) -> JsonObject:
    return {"object": "embedding", "index": index, "embedding": list(values)}


NONSENSE: Mapping[str, tuple[JsonValue, str]] = {
    "empty": ("", "LA-500"),
    "no JSON": ("{", "LA-500"),
    "a page": ("<html>log in</html>", "LA-404"),
    "a list": ([1], "LA-500"),
    "an error of status 200": ({"error": {"message": "overloaded", "code": 503}}, "LA-503"),
    "no data": ({"object": "list"}, "LA-500"),
    "too few": (data(item(0, 1, 0)), "LA-500"),
    "too many": (data(item(0, 1), item(1, 1), item(2, 1)), "LA-500"),
    "one twice": (data(item(0, 1), item(0, 1)), "LA-500"),
    "a number beyond": (data(item(0, 1), item(7, 1)), "LA-500"),
    "of several dimensions": (data(item(0, 1), item(1, 1, 2)), "LA-500"),
    "an empty vector": (data(item(0), item(1)), "LA-500"),
    "texts for numbers": (data(item(0, "1"), item(1, "2")), "LA-500"),
    "truths for numbers": (data(item(0, True), item(1, False)), "LA-500"),
    "nothing for numbers": (data(item(0, None), item(1, None)), "LA-500"),
    "not a number": ('{"data": [{"embedding": [NaN]}, {"embedding": [1]}]}', "LA-500"),
    "infinite": ('{"data": [{"embedding": [1e999]}, {"embedding": [1]}]}', "LA-500"),
    "an endless number": (f'{{"data": [{{"embedding": [1{"0" * 400}]}}, {{"embedding": [1]}}]}}', "LA-500"),
    "base64": (data({"index": 0, "embedding": "AACAPw=="}, {"index": 1, "embedding": "AACAPw=="}), "LA-500"),
    "a vector as large as a book": (data(item(0, *[1] * 70_000), item(1, *[1] * 70_000)), "LA-500"),
}


@pytest.mark.parametrize("told", NONSENSE)
def test_an_invalid_answer_is_refused(server: EmbeddingServer, told: str) -> None:
    body, code = NONSENSE[told]
    server.answer = answering(200, body)
    with pytest.raises(ProviderError) as raised:
        embedded(opened("openai", server), "one", "two")
    assert raised.value.code == code


def test_vectors_without_indexes_are_in_the_order_of_the_texts(server: EmbeddingServer) -> None:
    server.answer = answering(200, {"data": [{"embedding": [1, 0]}, {"embedding": [0, 2]}]})
    assert [list(vector) for vector in embedded(opened("openai", server), "one", "two")] == [[1, 0], [0, 1]]


def test_a_model_that_changes_its_dimension_is_refused(server: EmbeddingServer) -> None:
    embedder = opened("openai", server)
    server.answer = answering(200, data(item(0, 1, 0)))
    embedded(embedder, "one")
    server.answer = answering(200, data(item(0, 1, 0, 0)))
    with pytest.raises(ProviderError, match="vectors of dimension 3 instead of 2"):
        embedded(embedder, "two")


def test_a_huge_answer_is_cut_off(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.adapters.embedding.openai.MAX_RESPONSE_BYTES", 10_000)
    server.answer = answering(200, "x" * 100_000)
    with pytest.raises(ProviderError) as raised:
        embedded(opened("openai", server), "one")
    assert raised.value.code == "LA-413"


def test_a_key_of_the_environment_goes_to_no_host_that_a_file_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    embedder = OpenAIEmbedder("m", base_url="http://thief.example/v1", default_key_allowed=False)
    with pytest.raises(ProviderError, match=r"OPENAI_API_KEY is not sent to thief\.example") as raised:
        embedded(embedder, "text")
    assert raised.value.code == "LA-401"


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
def test_litellm_sends_no_key_of_the_environment_to_a_host_that_a_file_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", KEY)
    embedder = LiteLLMEmbedder("cohere/embed", api_base="http://thief.example", default_key_allowed=False)
    with pytest.raises(LightAgentError, match="LIGHTAGENT__EMBEDDING__DEFAULT_KEY_ALLOWED") as raised:
        embedded(embedder, "text")
    assert raised.value.code == "LA-401"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "model"),
        ({"model": "m", "base_url": "ftp://x"}, "not an http or https URL"),
        ({"model": "m", "base_url": "http://x/v1/embeddings"}, "ends in /embeddings"),
        ({"model": "m", "dimensions": 0}, "dimensions"),
        ({"model": "m", "max_batch": 0}, "max_batch"),
        ({"model": "m", "timeuot": 3}, "did you mean 'timeout'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_adapter("embedding", "openai", options)
    assert told in str(raised.value)


def test_spaces_of_other_models_and_places_have_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    names = {
        OpenAIEmbedder("m", KEY).name,
        OpenAIEmbedder("n", KEY).name,
        OpenAIEmbedder("m", KEY, dimensions=8).name,
        OpenAIEmbedder("m", KEY, query_prefix="q: ").name,
        OpenAIEmbedder("m", KEY, "http://localhost:1/v1").name,
        LiteLLMEmbedder("m", api_key=KEY).name,
    }
    assert len(names) == 6
    assert not any(KEY in name for name in names)
    assert OpenAIEmbedder("m", "another").name in names


def test_a_missing_key_is_reported_before_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "no API key for api.openai.com" in OpenAIEmbedder("m", base_url="https://api.openai.com/v1").missing_key({})
    assert OpenAIEmbedder("m", base_url="http://127.0.0.1:1/v1").missing_key({}) == ""
    assert OpenAIEmbedder("m").missing_key({"OPENAI_API_KEY": KEY}) == ""
    assert "COHERE_API_KEY" in LiteLLMEmbedder("cohere/embed").missing_key({})
    assert LiteLLMEmbedder("cohere/embed", api_key=KEY).missing_key({}) == ""


def test_settings_hide_the_key_and_bind_that_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_text('[default.embedding]\nkind = "openai"\nmodel = "m"\nbase_url = "http://thief.example/v1"\n')
    settings = load_settings(file, environ={"LIGHTAGENT__EMBEDDING__API_KEY": KEY})
    shown = "".join(map(str, rows(settings)))
    assert "thief.example" in shown
    assert KEY not in shown
    plain = load_settings(file, environ={})
    embedder = open_embedding(plain, environ={})
    assert isinstance(embedder, OpenAIEmbedder)
    assert "OPENAI_API_KEY is not sent to thief.example" in embedder.missing_key({"OPENAI_API_KEY": KEY})
    nested = '{ kind = "openai", model = "m", base_url = "http://thief.example" }'
    file.write_text(f'[default.embedding]\nkind = "cached"\npath = "v.db"\nembedder = {nested}\n')
    cached = open_embedding(load_settings(file, environ={}), environ={})
    assert isinstance(cached, CachedEmbedder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        with pytest.raises(ProviderError, match="is not sent to thief"):
            asyncio.run(cached.embed(["text"], "query"))


def test_a_backend_that_is_not_an_embedder_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_text('[default.embedding]\nkind = "hasing"\n')
    with pytest.raises(ConfigurationError, match=r"embedding\.kind.*Did you mean 'hashing'"):
        open_embedding(load_settings(file, environ={}), environ={})


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("traced", "told"), [(False, 1), (True, 0)])
def test_a_request_that_is_traced_is_kept_from_the_callback_of_litellm(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, traced: bool, told: int
) -> None:
    import litellm
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    heard: list[object] = []

    async def hear(self: object, *told: object, **more: object) -> None:
        heard.append(told)

    callback = type("OpenTelemetry", (CustomLogger,), {"async_log_success_event": hear})  # As LiteLLM calls its own.
    for name in CALLBACKS:
        monkeypatch.setattr(litellm, name, [])
    monkeypatch.setattr(litellm, "callbacks", [callback()])

    async def run() -> None:
        embedder = opened("litellm", server)
        leave = listen(lambda kind, facts, texts: lambda error: None) if traced else lambda: None
        await embedder.embed(["a"])
        leave()
        await asyncio.sleep(0.1)
        await GLOBAL_LOGGING_WORKER.flush()
        await embedder.aclose()

    asyncio.run(run())
    assert len(heard) == told
