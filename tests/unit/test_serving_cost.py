"""What serving costs beside the run itself, in calls of functions: those are the same on every machine."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp, Message

from lightagent import LightAgent, serve
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatModel, ChatRequest
from tests.support.asgi_calls import chat
from tests.support.costs import count_calls

ROUNDS = 5
PIECES = 500


class QuickModel(ChatModel):
    """Says some words at once."""

    name = "quick"

    def __init__(self, pieces: int = 1) -> None:
        self._pieces = pieces

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        for _ in range(self._pieces):
            yield TextDelta("word ")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


QUESTION = "What is 1 + 2?"
CHAT, RESPONSES, AGUI = "/v1/chat/completions", "/v1/responses", "/ag-ui/helper"
STREAMED: dict[str, JsonObject] = {
    CHAT: chat(QUESTION, stream=True),
    RESPONSES: {"model": "helper", "input": QUESTION, "stream": True},
    AGUI: {
        "threadId": "1",
        "runId": "1",
        "messages": [{"id": "1", "role": "user", "content": QUESTION}],
        "tools": [],
        "context": [],
        "state": {},
        "forwardedProps": {},
    },
}


async def ask(app: ASGIApp, asked: JsonObject, path: str = CHAT) -> int:
    """One request, with as little around it as there can be; how many messages the application has sent."""
    body = json.dumps(asked).encode()
    left, sent = [{"type": "http.request", "body": body, "more_body": False}], list[Message]()

    async def receive() -> Message:
        if not left:
            await asyncio.get_running_loop().create_future()
        return left.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return len(sent)


def test_a_plain_request_costs_little_more_than_its_run() -> None:
    agent = LightAgent(name="helper", model=QuickModel())
    app = serve(agent)
    with asyncio.Runner() as runner:

        async def served() -> None:
            for _ in range(ROUNDS):
                await ask(app, chat(QUESTION))

        async def alone() -> None:
            for _ in range(ROUNDS):
                await agent.arun_result(QUESTION)

        for work in (served, alone):
            runner.run(work())  # What is done once is done now.
        more = count_calls(lambda: runner.run(served())) - count_calls(lambda: runner.run(alone()))
    assert more / ROUNDS < 560


@pytest.mark.parametrize(("path", "most"), [(CHAT, 86), (RESPONSES, 100), (AGUI, 86)])
def test_a_chunk_costs_little_more_than_its_delta(path: str, most: int) -> None:
    if path == AGUI:
        pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")
    app = serve(LightAgent(name="helper", model=QuickModel(PIECES)))
    sent = list[int]()
    with asyncio.Runner() as runner:

        async def served() -> None:
            sent.append(await ask(app, STREAMED[path], path))

        runner.run(served())
        calls = count_calls(lambda: runner.run(served()))
    assert sent[-1] >= PIECES
    assert calls / PIECES < most


@pytest.mark.parametrize("path", ["plain", CHAT, RESPONSES, AGUI])
def test_a_request_leaves_nothing_to_the_garbage_collector(path: str) -> None:
    """A run that waits for it takes memory until then, and its time afterwards: a third of what a request costs."""
    if path == AGUI:
        pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")
    app = serve(LightAgent(name="helper", model=QuickModel()))

    async def served() -> None:
        for _ in range(ROUNDS):
            await ask(app, STREAMED.get(path) or chat(QUESTION), CHAT if path == "plain" else path)

    def left_behind() -> int:
        gc.collect()
        gc.disable()
        try:
            runner.run(served())
            return gc.collect()
        finally:
            gc.enable()

    with asyncio.Runner() as runner:
        runner.run(served())
        # The least of three: threads that earlier tests have left may leave something of their own meanwhile.
        assert min(left_behind() for _ in range(3)) < 10 * ROUNDS
