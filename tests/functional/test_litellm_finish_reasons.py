"""Through LiteLLM an answer ends as the provider said, though LiteLLM calls every word that it does not know `stop`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lightagent import ChatModel, LightAgent, Limits, OpenAIChatModel
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.conversation.deltas import fold_deltas
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatRequest
from tests.functional.agents import MODES

# pydantic warns of types that LiteLLM declares.
pytestmark = [pytest.mark.litellm, pytest.mark.filterwarnings("default")]

# Whether the OpenAI SDK reads the stream for LiteLLM, or LiteLLM itself.
READERS = pytest.mark.parametrize("provider", ["openai", "deepseek"])
WHOLE = ("stop", "STOP", "tool_calls", "end_turn", "function_call")
NOT_WHOLE = (
    *("insufficient_system_resource", "network_error", "cancelled", "timeout", "preempted", "ERROR", "MALFORMED_TOOL"),
    *("LENGTH", "length", "MAX_LENGTH", "max_tokens", "content-filter", "SAFETY", "OTHER", "pause_turn", "compaction"),
    *("FINISH_REASON_UNSPECIFIED", "TOO_MANY_TOOL_CALLS", "a_word_of_tomorrow"),
)
CALL: JsonObject = {"id": "c", "type": "function", "function": {"name": "remove", "arguments": '{"path": "/a"}'}}
GEMINI_CALL: JsonObject = {"functionCall": {"name": "remove", "args": {"path": "/a"}}}


class Server:
    """Answers every request with one call, and says why it ends; `events` takes the place of its stream."""

    def __init__(self) -> None:
        self.reason = "stop"
        self.events: list[JsonObject] = []
        app = web.Application()
        app.router.add_post("/{path:.*}", self.answer)
        self.http = TestServer(app, host="127.0.0.1")

    def model(self, provider: str) -> ChatModel:
        url = str(self.http.make_url("/v1"))
        if provider:
            return LiteLLMChatModel(f"{provider}/m", api_key="sk-test", api_base=url)
        return OpenAIChatModel("m", "sk-test", url)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not (self.events or body.get("stream")):
            message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
            choice = {"index": 0, "message": message, "finish_reason": self.reason}
            return web.json_response({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
        delta: JsonObject = {"role": "assistant", "tool_calls": [{"index": 0, **CALL}]}
        told: list[JsonObject] = [{"index": 0, "delta": delta}, {"index": 0, "delta": {}, "finish_reason": self.reason}]
        events = self.events or [
            {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]} for choice in told
        ]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        return web.Response(text=text + "data: [DONE]\n\n" * (not self.events), content_type="text/event-stream")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with server.http:
        yield server


async def ending(model: ChatModel, *, stream: bool) -> str:
    """The finish reason of one answer, or the code of its error."""
    request = ChatRequest((UserMessage("Remove it."),), stream=stream)
    try:
        return str(fold_deltas([delta async for delta in model.stream(request)]).end.finish_reason)
    except ProviderError as error:
        return f"{error.code} {error.retryable}"
    finally:
        await model.aclose()


@MODES
@READERS
@pytest.mark.parametrize("reason", NOT_WHOLE)
async def test_what_is_not_whole_ends_as_in_the_openai_adapter(
    server: Server, provider: str, reason: str, stream: bool
) -> None:
    server.reason = reason
    told = await ending(server.model(provider), stream=stream)
    assert told == await ending(server.model(""), stream=stream)
    assert told not in ("stop", "tool_calls")


@MODES
@READERS
@pytest.mark.parametrize("reason", WHOLE)
async def test_what_is_whole_stays_so(server: Server, provider: str, reason: str, stream: bool) -> None:
    server.reason = reason
    assert await ending(server.model(provider), stream=stream) in ("stop", "tool_calls")


@MODES
@READERS
@pytest.mark.parametrize("reason", ["insufficient_system_resource", "LENGTH", "a_word_of_tomorrow"])
async def test_no_call_of_an_answer_that_is_not_whole_is_run(
    server: Server, provider: str, reason: str, stream: bool
) -> None:
    ran: list[str] = []

    def remove(path: str) -> str:
        """Remove a file."""
        ran.append(path)
        return "gone"

    server.reason = reason
    agent = LightAgent(model=server.model(provider), tools=[remove], limits=Limits(max_retry=1))
    async with aclosing(agent):
        if stream:
            with pytest.raises(ProviderError):
                async for _ in agent.astream("Remove it."):
                    pass
        else:
            assert not (await agent.arun("Remove it.", result_format="object")).success
    assert ran == []


@pytest.mark.parametrize(("reason", "told"), [("STOP", "tool_calls"), ("UNEXPECTED_TOOL_CALL", "LA-500 True")])
async def test_gemini_whose_stream_is_opened_late(server: Server, reason: str, told: str) -> None:
    content: JsonObject = {"role": "model", "parts": [GEMINI_CALL]}
    candidate: JsonObject = {"index": 0, "content": content, "finishReason": reason}
    server.events = [{"candidates": [candidate]}]
    assert await ending(server.model("gemini"), stream=True) == told


@pytest.mark.parametrize(("reason", "told"), [("end_turn", "stop"), ("a_word_of_tomorrow", "LA-500 False")])
async def test_anthropic_which_tells_it_in_a_delta(server: Server, reason: str, told: str) -> None:
    usage: JsonObject = {"input_tokens": 1, "output_tokens": 1}
    server.events = [
        {"type": "message_start", "message": {"id": "1", "role": "assistant", "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    assert await ending(server.model("anthropic"), stream=True) == told
