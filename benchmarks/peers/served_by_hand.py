"""The endpoint that somebody writes without a framework: Starlette and the openai client, and no more."""

from collections.abc import AsyncIterator

import common
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp


def application(url: str) -> ASGIApp:
    """Answers as the model does, after its own instructions."""
    client = AsyncOpenAI(base_url=url + "/v1", api_key="x")

    async def pieces(messages: list[ChatCompletionMessageParam]) -> AsyncIterator[str]:
        stream = await client.chat.completions.create(model=common.MODEL, messages=messages, stream=True)
        async for chunk in stream:
            yield f"data: {chunk.model_dump_json()}\n\n"
        yield "data: [DONE]\n\n"

    async def chat(request: Request) -> Response:
        asked = await request.json()
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": common.SYSTEM},
            *asked["messages"],
        ]
        if asked.get("stream"):
            return StreamingResponse(pieces(messages), media_type="text/event-stream")
        reply = await client.chat.completions.create(model=common.MODEL, messages=messages)
        return JSONResponse(reply.model_dump())

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
