"""A web application that others instrument, and a client that asks it once: all in one process, over real HTTP.

    python -m tests.heavy.instrumented_app fastapi|asgi awaited|threaded|streamed URL

It runs where FastAPI and the instrumentations are; URL is that of an endpoint of models. The spans are printed as JSON.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

import aiohttp
import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from lightagent import LightAgent, OpenAIChatModel, RunResult
from tests.heavy.told_spans import global_objects, same, set_providers, tell

if TYPE_CHECKING:
    from starlette.types import ASGIApp

QUESTION: Final = "[one-tool]"


async def add(a: int, b: int) -> int:
    """Add two numbers, under a span of the application's own."""
    with trace.get_tracer("application").start_as_current_span("look it up"):
        return a + b


class Desk:
    """An agent, and the ways in which a request may run it."""

    def __init__(self, url: str) -> None:
        self.agent = LightAgent(name="desk", model=OpenAIChatModel("gpt", "sk-test", url), tools=[add])
        self.results: list[RunResult[str]] = []

    async def awaited(self, request: Request) -> Response:
        self.results.append(await self.agent.arun_result(QUESTION))
        return PlainTextResponse(self.results[-1].content)

    def threaded(self, request: Request) -> Response:
        self.results.append(self.agent.run_result(QUESTION))
        return PlainTextResponse(self.results[-1].content)

    async def streamed(self, request: Request) -> Response:
        """The run is asked for here, and read by the server once the function has returned."""
        stream = self.agent.astream_events(QUESTION)

        async def texts() -> AsyncIterator[str]:
            async for event in stream:
                if event.type == "content":
                    yield str(event.data["text"])
            self.results.append(stream.result)

        return StreamingResponse(texts(), media_type="text/plain")


def fastapi_app(desk: Desk, way: str) -> ASGIApp:
    fastapi = FastAPI()
    fastapi.add_api_route("/ask", getattr(desk, way), response_model=None)
    FastAPIInstrumentor.instrument_app(fastapi)
    app: ASGIApp = fastapi
    return app


def asgi_app(desk: Desk, way: str) -> ASGIApp:
    app: ASGIApp = OpenTelemetryMiddleware(Starlette(routes=[Route("/ask", getattr(desk, way))]))
    return app


APPS: Final[dict[str, Callable[[Desk, str], ASGIApp]]] = {"fastapi": fastapi_app, "asgi": asgi_app}


async def ask_once(app: ASGIApp) -> str:
    """The answer to one request, by a client whose span is the caller's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/ask"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            text = await answer.text()
        server.should_exit = True
        await serving
    return text


async def main(kind: str, way: str, url: str) -> None:
    set_providers()
    AioHttpClientInstrumentor().instrument()
    before = global_objects()
    desk = Desk(url)
    text = await ask_once(APPS[kind](desk, way))
    await desk.agent.aclose()
    (result,) = desk.results
    tell(text=text, trace_id=result.trace_id, globals_unchanged=same(before, global_objects()))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
