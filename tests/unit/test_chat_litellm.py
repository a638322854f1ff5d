"""chat/litellm: what it sends, what its failures become, and what it refuses."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lightagent.adapters._endpoints.litellm_faults import provider_error
from lightagent.adapters._endpoints.litellm_library import check_version, hold_clients, load
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.adapters.registry import open_adapter
from lightagent.domain.conversation.deltas import ModelReply, fold_deltas
from lightagent.domain.conversation.messages import NOTHING_SAID, AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.conversation.provider_fields import ProviderFields
from lightagent.domain.errors import ConfigurationError, LightAgentError, ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin
from lightagent.ports.models import ChatRequest

QUESTION = (UserMessage("Hi"),)
KEY = "sk-secret-1234"


class Backend:
    """An OpenAI-compatible endpoint that fails as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.body: JsonObject = {}
        self.cut = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.received: list[JsonObject] = []
        self.headers: list[dict[str, str]] = []
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        self.server = TestServer(app, host="127.0.0.1")

    def model(self, **options: object) -> LiteLLMChatModel:
        given = {"model": "openai/told", "api_key": KEY, "base_url": str(self.server.make_url("/v1")), **options}
        model = open_adapter("chat", "litellm", given)
        assert isinstance(model, LiteLLMChatModel)
        return model

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.received.append(await request.json())
        self.headers.append(dict(request.headers))
        await self.answers.wait()
        if self.cut:
            return await self.break_off(request)
        return web.json_response(self.body, status=self.status, headers={"Retry-After": "3"})

    async def break_off(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Half"}}]}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.close()
        return response


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend()
    async with backend.server:
        yield backend


async def ask(model: LiteLLMChatModel, request: ChatRequest) -> ModelReply:
    try:
        return fold_deltas([delta async for delta in model.stream(request)])
    finally:
        await model.aclose()


def completion(content: str) -> JsonObject:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_a_malicious_release_is_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match=f"litellm {version} is installed, a release known to be malicious"):
        check_version(version)
    check_version("1.106.2")


async def test_a_malicious_release_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "litellm-1.82.8.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: litellm\nVersion: 1.82.8\n")
    (tmp_path / "litellm.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"litellm 1\.82\.8"):
        await load()


def test_the_adapter_loads_no_litellm() -> None:
    code = "import sys, lightagent.adapters.chat.litellm as a; sys.exit('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["messages", "model", "tools", "stream", "api_key", "api_base", "base_url"])
async def test_a_run_cannot_change_where_a_request_goes(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"params: {name} cannot be set there"):
        await ask(LiteLLMChatModel("openai/x"), ChatRequest(QUESTION, params={name: "x"}))


@pytest.mark.parametrize(
    ("model", "environ", "told"),
    [
        ("openai/gpt-4.1", {}, "There is no API key for openai/gpt-4.1: OPENAI_API_KEY is not set."),
        ("gpt-4.1", {}, "There is no API key for gpt-4.1: OPENAI_API_KEY is not set."),
        ("deepseek/deepseek-chat", {"OPENAI_API_KEY": "k"}, "deepseek-chat: DEEPSEEK_API_KEY is not set."),
        ("groq/llama", {"GROQ_API_KEY": " "}, "GROQ_API_KEY is not set."),
        ("gemini/g", {}, "none of GEMINI_API_KEY, GOOGLE_API_KEY is set."),
        ("gemini/g", {"GOOGLE_API_KEY": "k"}, ""),
        ("claude-sonnet-4-5", {"ANTHROPIC_API_KEY": "k"}, ""),
        ("bedrock/anthropic.claude", {}, ""),
        ("ollama_chat/llama3", {}, ""),
        ("unheard_of/m", {}, ""),
        ("m", {}, ""),
    ],
)
def test_a_missing_key_is_reported_for_known_providers(model: str, environ: dict[str, str], told: str) -> None:
    missing = LiteLLMChatModel(model).missing_key(environ)
    assert told in missing
    assert bool(told) == bool(missing)


@pytest.mark.parametrize(
    "model",
    [
        LiteLLMChatModel("openai/m", api_key="k"),
        LiteLLMChatModel("openai/m", api_base="http://localhost:8000/v1"),
        LiteLLMChatModel("openai/m", headers={"Authorization": "Bearer k"}),
        LiteLLMChatModel("openai/m", arguments={"mock_response": "Hi"}),
    ],
    ids=["a key", "a place", "a header", "arguments"],
)
def test_no_missing_key_where_other_credentials_may_be_used(model: LiteLLMChatModel) -> None:
    assert model.missing_key({}) == ""


FRAMES = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    f()\nValueError: no call\n\nargs={}'


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (f"litellm.APIError: APIError: OpenAIException - Invalid response object {FRAMES}", "Invalid response object"),
        (f"litellm.APIError: APIError: OpenAIException - {FRAMES}", "ValueError: no call"),
        (FRAMES, "ValueError: no call"),
        ("litellm.BadRequestError: OpenAIException - \n\nNo such model.\nMore", "No such model."),
        ("\n \nNo such model.", "No such model."),
        ("", "Failure"),
    ],
)
def test_a_message_is_the_first_line_that_says_something(told: str, message: str) -> None:
    class Failure(Exception):
        status_code = 500

    error = provider_error(Failure(told))
    assert error.message == message


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
class TestOverHttp:
    async def test_the_working_directory_is_no_credential(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PWD", "/srv/ann/here")
        monkeypatch.setenv("OLDPWD", "/srv/projects")
        monkeypatch.setenv("DATABASE_PWD", "correct-horse")
        backend.status = 404
        backend.body = {"error": {"message": "No /srv/ann/here/a.csv, no /srv/projects/b.csv; correct-horse"}}
        error = await self.failure(backend.model())
        assert "No /srv/ann/here/a.csv, no /srv/projects/b.csv; ***" in error.message

    async def test_a_conversation_has_the_form_of_its_provider(self, backend: Backend) -> None:
        backend.body = completion("hi")
        model = backend.model(profile="mistral")
        thoughts = ProviderFields(model.origin, {}, "reasoning_content")
        messages = (
            UserMessage("Hi", "ann"),
            AssistantMessage("\n", (ToolCall("call_1", "now", "{}"),), "hm", provider_fields=thoughts),
            ToolMessage("call_1", "noon"),
            UserMessage("And?"),
        )
        await ask(model, ChatRequest(messages))
        told = backend.received[0]["messages"]
        assert isinstance(told, list)
        user, asked, result, silence, last = (message for message in told if isinstance(message, dict))
        assert user == {"role": "user", "content": "Hi"}
        assert asked.get("content") is None
        assert "reasoning_content" not in asked
        assert re.fullmatch("[a-zA-Z0-9]{9}", str(result["tool_call_id"]))
        assert f'"id": "{result["tool_call_id"]}"' in json.dumps(asked["tool_calls"])
        assert silence == {"role": "assistant", "content": NOTHING_SAID}
        assert last == {"role": "user", "content": "And?"}

    async def test_thoughts_go_back_where_their_provider_wants_them(self, backend: Backend) -> None:
        backend.body = completion("hi")
        model = backend.model(profile="deepseek")
        own = ProviderFields(model.origin, {}, "reasoning_content")
        said = (
            AssistantMessage(None, (ToolCall("a", "now", "{}"),), "hm", provider_fields=own),
            ToolMessage("a", "noon"),
            AssistantMessage(None, (ToolCall("b", "now", "{}"),)),
            ToolMessage("b", "noon"),
        )
        await ask(model, ChatRequest((*QUESTION, *said)))
        told = backend.received[0]["messages"]
        assert isinstance(told, list)
        assert [one.get("reasoning_content") for one in told[1::2] if isinstance(one, dict)] == ["hm", ""]

    async def test_trace_headers_go_along_with_its_own(self, backend: Backend) -> None:
        backend.body = completion("hi")
        trace = (("traceparent", "00-a-b-01"), ("x-own", "other"), ("authorization", "Bearer stolen"))
        await ask(backend.model(headers={"X-Own": "mine"}), ChatRequest(QUESTION, origin=Origin(trace_headers=trace)))
        (headers,) = ({name.lower(): value for name, value in sent.items()} for sent in backend.headers)
        assert headers["traceparent"] == "00-a-b-01"
        assert headers["x-own"] == "mine"
        assert headers["authorization"] == f"Bearer {KEY}"

    async def test_the_request_says_what_was_asked_and_no_more(self, backend: Backend) -> None:
        backend.body = completion('{"n": 1}')
        schema: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        reply = await ask(backend.model(), ChatRequest(QUESTION, params={"temperature": 0.5}, output_schema=schema))
        assert reply.message.content == '{"n": 1}'
        assert (reply.end.finish_reason, reply.end.model, reply.end.response_id) == ("stop", "served", "c1")
        assert reply.end.usage is not None
        assert (reply.end.usage.input_tokens, reply.end.usage.total_tokens) == (3, 7)
        (received,) = backend.received
        assert received == {
            "messages": [{"role": "user", "content": "Hi"}],
            "model": "told",
            "temperature": 0.5,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "output", "schema": schema, "strict": False},
            },
        }

    @pytest.mark.parametrize(
        ("status", "message", "code"),
        [
            (400, "no such parameter", "LA-400"),
            (400, "This model's maximum context length is 10 tokens", "LA-413"),
            (401, f"Incorrect API key: {KEY}", "LA-401"),
            (403, "not yours", "LA-403"),
            (404, "no such model", "LA-404"),
            (429, "slow down", "LA-429"),
            (500, "boom", "LA-500"),
            (503, "overloaded", "LA-503"),
        ],
    )
    async def test_a_status_becomes_a_code_and_is_not_retried(
        self, backend: Backend, status: int, message: str, code: str
    ) -> None:
        backend.status, backend.body = status, {"error": {"message": message}}
        with pytest.raises(ProviderError) as caught:
            await ask(backend.model(), ChatRequest(QUESTION))
        assert caught.value.code == code
        assert caught.value.retry_after == 3
        assert len(backend.received) == 1
        assert KEY not in f"{caught.value} {caught.value.details} {caught.value.__cause__}"
        assert message.replace(KEY, "***") in caught.value.message

    async def test_a_refused_connection_can_be_tried_again(self) -> None:
        error = await self.failure(LiteLLMChatModel("openai/x", api_key="none", api_base="http://127.0.0.1:9/v1"))
        assert (error.code, error.retryable) == ("LA-503", True)

    async def test_a_late_answer_is_a_timeout(self, backend: Backend) -> None:
        backend.answers.clear()
        error = await self.failure(backend.model(timeout=0.2))
        assert error.code == "LA-408"
        backend.answers.set()

    async def test_an_answer_without_choices_is_a_failure(self, backend: Backend) -> None:
        backend.body = completion("") | {"choices": []}
        assert (await self.failure(backend.model())).code == "LA-500"

    async def test_a_broken_stream_is_a_failure(self, backend: Backend) -> None:
        backend.cut = True
        error = await self.failure(backend.model(), stream=True)
        assert (error.code, error.retryable) == ("LA-503", True)

    async def test_further_arguments_reach_litellm(self) -> None:
        model = LiteLLMChatModel("openai/x", api_key="none", arguments={"mock_response": "Mocked."})
        for stream in (False, True):
            assert (await ask(model, ChatRequest(QUESTION, stream=stream))).message.content == "Mocked."

    async def test_closing_leaves_no_client_of_this_loop(self, backend: Backend) -> None:
        import litellm

        backend.body = completion("Hi")
        loop = litellm.in_memory_llm_clients_cache.update_cache_key_with_event_loop("")
        assert loop
        first, second = backend.model(), backend.model()
        for model in (first, second):
            assert [delta async for delta in model.stream(ChatRequest(QUESTION))]
        clients = litellm.in_memory_llm_clients_cache.cache_dict
        await first.aclose()
        assert any(key.endswith(loop) for key in clients), "the second model still uses them"
        await second.aclose()
        assert not any(key.endswith(loop) for key in clients)

    def test_closing_survives_what_belongs_to_a_loop_that_has_ended(self) -> None:
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

        model = LiteLLMChatModel("openai/x", api_key="none", arguments={"mock_response": "Mocked."})

        async def leave_a_worker_behind() -> None:
            assert (await ask(model, ChatRequest(QUESTION))).message.content == "Mocked."
            GLOBAL_LOGGING_WORKER.start()

        async def close() -> None:
            hold_clients(model)
            await model.aclose()

        asyncio.run(leave_a_worker_behind())
        asyncio.run(close())

    async def test_a_model_that_litellm_does_not_know_is_a_clear_error(self) -> None:
        error = await self.failure(LiteLLMChatModel("nonsense"))
        assert error.code == "LA-400"
        assert "LLM Provider NOT provided" in error.message

    async def failure(self, model: LiteLLMChatModel, *, stream: bool = False) -> LightAgentError:
        with pytest.raises(ProviderError) as caught:
            await ask(model, ChatRequest(QUESTION, stream=stream))
        return caught.value

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            ({"content": None}, "stop"),
            ({"content": ""}, "stop"),
            ({"content": "x"}, "tool_calls"),
            ({"content": "", "reasoning_content": "hm"}, "stop"),
        ],
    )
    async def test_an_empty_answer_is_an_error(self, backend: Backend, message: JsonObject, reason: str) -> None:
        choice: JsonObject = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", **message}}
        backend.body = {**completion(""), "choices": [choice]}
        with pytest.raises(ProviderError) as caught:
            await ask(backend.model(), ChatRequest(QUESTION))
        assert caught.value.code == "LA-500"

    @pytest.mark.parametrize(("reason", "meant"), [("max_tokens", "length"), ("content_filter", "content_filter")])
    async def test_a_cut_answer_ends_with_length(self, backend: Backend, reason: str, meant: str) -> None:
        choice: JsonObject = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": "Half"}}
        backend.body = {**completion(""), "choices": [choice]}
        assert (await ask(backend.model(), ChatRequest(QUESTION))).end.finish_reason == meant
