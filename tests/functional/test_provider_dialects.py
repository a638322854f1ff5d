"""Answers in the dialects of providers, over HTTP: through either client, what a caller gets is right or an error."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lightagent import LightAgent
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.chat.openai.options import TransportName
from tests.functional.agents import KEY, MODES, ask
from tests.servers.fault_server import FaultServer
from tests.servers.json_values import Json, JsonObject
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import at_once

CLIENTS = pytest.mark.parametrize("client", ["aiohttp", pytest.param("sdk", marks=pytest.mark.openai)])


@asynccontextmanager
async def answered(
    faults: FaultServer, body: str, client: TransportName
) -> AsyncIterator[tuple[LightAgent[None, str], list[str]]]:
    """An agent whose model always answers so, and what its tool did."""
    done: list[str] = []

    def weather(city: str) -> str:
        """The weather in a city."""
        done.append(city)
        return "sunny"

    scenario = faults.scenario("raw", body=body, type="text/event-stream" if body.startswith("data") else "text/json")
    agent = LightAgent(model=OpenAIChatModel("m", KEY, scenario.base_url, transport=client), tools=[weather])
    try:
        yield agent, done
    finally:
        await agent.aclose()


def plain(message: Json, reason: Json, **more: Json) -> str:
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": reason, **more}]})


def streamed(*chunks: JsonObject) -> str:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + "data: [DONE]\n\n"


def chunk(delta: Json, reason: Json = None, **more: Json) -> JsonObject:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, **more}]}


DIED: Json = {"code": 502, "message": "upstream died"}
FAILURES = [
    ("sensitive", None, "LA-403", "blocked"),
    ("RECITATION", None, "LA-403", "blocked"),
    ("MAX_TOKENS", None, "LA-413", "failed"),
    ("model_context_window_exceeded", None, "LA-413", "failed"),
    ("network_error", None, "LA-503", "failed"),
    ("insufficient_system_resource", None, "LA-503", "failed"),
    ("MALFORMED_FUNCTION_CALL", None, "LA-500", "failed"),
    ("brand_new", None, "LA-500", "failed"),
    ("tool_calls", None, "LA-500", "failed"),
    ("stop", DIED, "LA-503", "failed"),
    (None, DIED, "LA-503", "failed"),
]


@CLIENTS
@MODES
@pytest.mark.parametrize(("reason", "error", "code", "outcome"), FAILURES)
async def test_what_is_not_whole_is_no_success(
    leaks: LeakCheck,
    faults: FaultServer,
    reason: str | None,
    error: Json,
    code: str,
    outcome: str,
    stream: bool,
    client: TransportName,
) -> None:
    half: Json = {"role": "assistant", "content": "Half an ans"}
    for body in (
        plain(half, reason, error=error),
        streamed(chunk(half), chunk({"content": ""}, reason, error=error)),
    ):
        async with answered(faults, body, client) as (agent, _):
            ending = await at_once(ask(agent, "Hello", stream=stream, max_retry=1))
        assert (ending.code, ending.result.outcome.kind) == (code, outcome), body
        if error is not None:
            assert ending.message == "upstream died"


@CLIENTS
@MODES
async def test_a_call_comes_to_its_tool_however_it_is_told(
    leaks: LeakCheck, faults: FaultServer, stream: bool, client: TransportName
) -> None:
    oslo = '{"city": "Oslo"}'
    function: Json = {"name": "weather", "arguments": oslo}
    fragments: list[JsonObject] = [
        {"name": "wea", "arguments": ""},
        {"name": "ther"},
        {"arguments": "{}"},
        {"arguments": oslo[:5]},
        {"arguments": oslo[5:]},
    ]
    other: JsonObject = {"index": 1, "delta": {"tool_calls": [{"function": function}]}, "finish_reason": "tool_calls"}
    for body in (
        plain({"function_call": function}, "function_call"),
        plain({"tool_calls": [{"id": "a", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}]}, "stop"),
        streamed(chunk({"function_call": {"name": "weather"}}), chunk({"function_call": {"arguments": oslo}}, "stop")),
        streamed(*(chunk({"tool_calls": [{"index": 0, "function": each}]}) for each in fragments)),
        streamed(chunk({"content": ""}, "stop"), {"choices": [other]}),
    ):
        async with answered(faults, body, client) as (agent, done):
            ending = await ask(agent, "Hello", stream=stream, max_tool_iterations=1)
        # The model asks for the tool again and again; what counts is that the tool was called with its arguments.
        assert (done, ending.code) == (["Oslo"], "LA-BUDGET"), body
        assert ending.result.tool_calls[0].status == "ok"


@CLIENTS
@MODES
@pytest.mark.parametrize(
    "idle",
    ["data: \n\n", "data:\n\n", "data: null\n\n", "data: [PING]\n\n", "event: ping\ndata: {}\n\n", ": hello\n\n"],
)
async def test_what_keeps_a_connection_alive_is_no_part_of_the_answer(
    leaks: LeakCheck, faults: FaultServer, idle: str, stream: bool, client: TransportName
) -> None:
    body = "data: \n\n" + idle + streamed(chunk({"content": "H"})).replace("data: [DONE]\n\n", idle)
    body += streamed(chunk({"content": "i"}), chunk({}, "stop"))
    async with answered(faults, body, client) as (agent, _):
        ending = await at_once(ask(agent, "Hello", stream=stream, max_retry=1))
    assert (ending.code, ending.result.content) == (None, "Hi")


@CLIENTS
@MODES
@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ('{"message": "Overloaded", "type": "overloaded_error"}', "LA-503", "Overloaded"),
        ('{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}', "LA-503", "Overloaded"),
        ('{"error": {"message": "Slow down", "code": 429}}', "LA-429", "Slow down"),
        ('{"code": 500, "message": "died"}', "LA-500", "died"),
        ("upstream died", "LA-500", "upstream died"),
        ("", "LA-500", "without saying which"),
    ],
)
async def test_an_event_that_is_named_an_error_is_one(
    leaks: LeakCheck, faults: FaultServer, data: str, code: str, message: str, stream: bool, client: TransportName
) -> None:
    body = streamed(chunk({"content": "Half"})).replace("data: [DONE]", f"event: error\ndata: {data}")
    async with answered(faults, body, client) as (agent, _):
        ending = await at_once(ask(agent, "Hello", stream=stream, max_retry=1))
    assert ending.code == code
    assert message in ending.message
