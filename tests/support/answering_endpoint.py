"""An endpoint whose answers a test writes down, and the models that ask it: each reader of answers there is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lightagent import ChatModel, JsonObject, OpenAIChatModel
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.domain.json_types import JsonValue

KEY: Final = "sk-test-0123456789abcdef"
_LITELLM = (pytest.mark.litellm, pytest.mark.filterwarnings("default"))
READERS = pytest.mark.parametrize(
    "reader",
    [
        "aiohttp",
        pytest.param("sdk", marks=pytest.mark.openai),
        # Whether the OpenAI SDK reads the stream for LiteLLM, or LiteLLM itself.
        pytest.param("litellm:openai", marks=_LITELLM),
        pytest.param("litellm:deepseek", marks=_LITELLM),
    ],
)
"""Who reads an answer: both transports of the adapter `openai`, and LiteLLM in its two ways."""


@dataclass(frozen=True)
class Told:
    """An answer: a message, or the deltas of a stream, and how it ends; or `body` with `status`, as it is."""

    message: JsonObject = field(default_factory=dict)
    deltas: tuple[JsonObject, ...] = ()
    finish: JsonValue = "stop"
    choice: JsonObject = field(default_factory=dict)
    beside: JsonObject = field(default_factory=dict)
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def whole(self) -> str:
        choice: JsonObject = {
            "index": 0,
            "message": {"role": "assistant", **self.message},
            "finish_reason": self.finish,
        }
        return json.dumps({**_HEAD, "object": "chat.completion", "choices": [choice | self.choice], **self.beside})

    def events(self) -> str:
        told = self.deltas or (self.message,)
        choices: list[JsonObject] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in told]
        choices.append({"index": 0, "delta": {}, "finish_reason": self.finish, **self.choice})
        chunks: list[JsonObject] = [{**_HEAD, "object": "chat.completion.chunk", "choices": [one]} for one in choices]
        chunks[-1] |= self.beside
        return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


_HEAD: Final[JsonObject] = {"id": "x", "created": 1, "model": "m"}
Answer = Callable[[JsonObject], Told]


class AnsweringEndpoint:
    """Answers with what `answer` makes of a request; `received` keeps the requests."""

    def __init__(self) -> None:
        self.answer: Answer = lambda body: Told({"content": "Hi"})
        self.received: list[JsonObject] = []
        app = web.Application()
        app.router.add_post("/{path:.*}", self._serve)
        self.http = TestServer(app, host="127.0.0.1")

    def tell(self, told: Told) -> None:
        """Answer so from now on."""
        self.answer = lambda body: told

    def model(self, reader: str, name: str = "m") -> ChatModel:
        """The model that is read in that way."""
        url = str(self.http.make_url("/v1"))
        client, _, provider = reader.partition(":")
        if provider:
            return LiteLLMChatModel(f"{provider}/{name}", api_key=KEY, api_base=url)
        return OpenAIChatModel(name, KEY, url, transport="sdk" if client == "sdk" else "aiohttp")

    async def _serve(self, request: web.Request) -> web.Response:
        body: JsonObject = await request.json()
        self.received.append(body)
        told = self.answer(body)
        streamed = body.get("stream") is True and told.status == 200
        text = told.body or (told.events() if streamed else told.whole())
        kind = "text/event-stream" if text.startswith("data:") else "application/json"
        return web.Response(text=text, status=told.status, content_type=kind, headers=told.headers)


@asynccontextmanager
async def answering_endpoint() -> AsyncIterator[AnsweringEndpoint]:
    """The endpoint, open."""
    endpoint = AnsweringEndpoint()
    async with endpoint.http:
        yield endpoint
