"""No agent and no model: Starlette says what the model would. The floor of `in_process`."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp


def application(url: str) -> ASGIApp:
    """Answers; the address of the model says how many pieces there are, and how far apart."""
    told = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", url)}

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(told["chunks"]):
            if number:
                await asyncio.sleep(told["gap"] / 1000)
            yield b'data: {"choices":[{"index":0,"delta":{"content":"@%d@"}}]}\n\n' % time.monotonic_ns()

    async def chat(request: Request) -> Response:
        if (await request.json())["stream"]:
            return StreamingResponse(pieces(), media_type="text/event-stream")
        message = {"role": "assistant", "content": f"@{time.monotonic_ns()}@"}
        return JSONResponse({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
