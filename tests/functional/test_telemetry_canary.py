"""A secret in all that a run meets: models, servers, APIs and foreign code. By default nothing tells it."""

from __future__ import annotations

import json
import logging
import traceback
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import (
    CapabilityPolicy,
    CapabilityRule,
    ChatModel,
    ChatRequest,
    Delta,
    Event,
    JsonlTraceExporter,
    LightAgent,
    LightAgentError,
    MemoryPolicy,
    Origin,
    RunWatch,
    TelemetrySink,
    TraceRecorder,
)
from lightagent.adapters.chat.litellm import LiteLLMChatModel
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import TraceHeaders
from tests.servers.api_server import api_server, json_answer
from tests.support.echo_server import ANSWERS, EchoServer, echo_server
from tests.support.mcp_servers import http_process
from tests.support.recorded_spans import RecordedSpans

SECRET: Final = "CANARY7f3aq9ZkW2"
Sinks: TypeAlias = Sequence[TelemetrySink]


def look(word: str) -> str:
    """Look a word up."""
    raise ValueError(f"{word} {SECRET}")


async def of_openai(server: EchoServer, sinks: Sinks) -> LightAgent[None, str]:
    model = OpenAIChatModel("m", SECRET, server.base_url, headers={"X-AuthToken": SECRET})
    return LightAgent(model=model, telemetry=sinks)


async def of_litellm(server: EchoServer, sinks: Sinks) -> LightAgent[None, str]:
    model = LiteLLMChatModel("openai/m", api_key=SECRET, api_base=server.base_url, headers={"X-AuthToken": SECRET})
    return LightAgent(model=model, telemetry=sinks)


class Telling(ChatModel):
    """Repeats in its exception what it was asked."""

    name = "telling"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        raise RuntimeError(f"cannot {request.messages}")
        yield

    async def aclose(self) -> None:
        """Nothing is open."""


class Breaking(TelemetrySink, RunWatch):
    """A sink that repeats in its exception what it was shown."""

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        return self

    def see(self, event: Event) -> None:
        raise ValueError(f"no room for {event}")

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        return ()


class NoMemory:
    """A store of the 0.9 line that is not there."""

    def retrieve(self, query: str, user_id: str) -> list[str]:
        raise RuntimeError(f"{SECRET} {query}")

    def store(self, data: str, user_id: str) -> None:
        raise RuntimeError(f"{SECRET} {data}")


def blocks(*said: object) -> bool:
    raise ValueError(SECRET)


FOREIGN: Final[dict[str, Callable[[Sinks], LightAgent[None, str]]]] = {
    "a tool": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool("look", word=SECRET), SECRET]), tools=[look], telemetry=sinks
    ),
    "wrong arguments": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool("look", words=SECRET), SECRET]), tools=[look], telemetry=sinks
    ),
    "the name of an argument": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool("look", **{SECRET: 1}), SECRET]), tools=[look], telemetry=sinks
    ),
    "a tool that the model made up": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool(SECRET, word=SECRET), SECRET]), tools=[look], telemetry=sinks
    ),
    "one that was made up beside another": lambda sinks: LightAgent(
        model=ScriptedModel([[call_tool("look", word="x"), call_tool(SECRET)], SECRET]), tools=[look], telemetry=sinks
    ),
    "one that an agent which was called made up": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool("child", query=SECRET), SECRET]),
        tools=[LightAgent(model=ScriptedModel([call_tool(SECRET), SECRET])).as_tool("child", "A child.")],
        telemetry=sinks,
    ),
    "one that was made up before rules": lambda sinks: LightAgent(
        model=ScriptedModel([call_tool(SECRET), SECRET]),
        tools=[look],
        capabilities=CapabilityPolicy([CapabilityRule("deny", tools=["look"])]),
        telemetry=sinks,
    ),
    "a model": lambda sinks: LightAgent(model=Telling(), telemetry=sinks),
    "a sink": lambda sinks: LightAgent(model=ScriptedModel([SECRET]), telemetry=[*sinks, Breaking()]),
    "a guardrail": lambda sinks: LightAgent(model=ScriptedModel([SECRET]), output_guardrails=[blocks], telemetry=sinks),
    "a hook": lambda sinks: LightAgent(model=ScriptedModel([SECRET]), hooks=[blocks], telemetry=sinks),
    "a memory": lambda sinks: LightAgent(
        model=ScriptedModel([SECRET]), memory=NoMemory(), memory_policy=MemoryPolicy(), telemetry=sinks
    ),
}


async def leaks(
    make: Callable[[Sinks], Awaitable[LightAgent[None, str]]], folder: Path, caplog: pytest.LogCaptureFixture
) -> list[str]:
    """Where the secret is found after a run in which it was everywhere."""
    seen, recorder = RecordedSpans(), TraceRecorder(enabled=True)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        agent = await make([seen.sink, recorder])
        try:
            await agent.arun(f"Tell me {SECRET}", user_id="u", max_retry=1, trace=True)
        except LightAgentError:
            pass  # Its text is the caller's.
        finally:
            await agent.aclose()
    file = folder / "traces.jsonl"
    recorder.export(JsonlTraceExporter(file))
    agent.export_trace_to(file)
    told = {
        "spans": " ".join(span.to_json() for span in seen.ended),
        "metrics": " ".join(metric.to_json() for metric in seen.metrics),
        "events": str(seen.emitted),
        "recorder": json.dumps(recorder.to_list()),
        "file": file.read_text(encoding="utf-8"),
        # LiteLLM has pydantic serialize an answer of a wrong shape, which warns with a part of it.
        "warnings": str([str(one.message) for one in warned if "pydantic" not in one.filename]),
        "logs": caplog.text,
    }
    caplog.clear()
    assert seen.ended
    return [
        f"{place}: …{text[max(0, text.find(SECRET) - 80) :][:200]}" for place, text in told.items() if SECRET in text
    ]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("make", [of_openai, pytest.param(of_litellm, marks=pytest.mark.litellm)])
async def test_no_credential_of_a_model(
    make: Callable[[EchoServer, Sinks], Awaitable[LightAgent[None, str]]],
    answer: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")
    async with echo_server() as server:
        server.answer, server.secret = answer, SECRET
        assert not await leaks(lambda sinks: make(server, sinks), tmp_path, caplog)
        assert SECRET in "".join(server.heads)


@pytest.mark.parametrize("called", ["echo", "whoami", "fail", "steps", "gateway"])
async def test_nothing_of_a_server_of_tools(called: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")
    with http_process(tmp_path) as server:

        async def make(sinks: Sinks) -> LightAgent[None, str]:
            model = ScriptedModel([call_tool(f"one__{called}", text=SECRET), SECRET])
            agent = LightAgent(model=model, telemetry=sinks)
            setting: JsonObject = {"type": "http", "url": f"{server.url}/mcp?api_key={SECRET}"}
            headers: JsonObject = {"Authorization": f"Bearer {SECRET}"}
            await agent.setup_mcp(mcp_setting={"mcpServers": {"one": {**setting, "headers": headers}}})
            return agent

        assert not await leaks(make, tmp_path, caplog)


@pytest.mark.parametrize("status", [200, 302, 401, 500])
async def test_nothing_of_an_api(status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")
    text: JsonObject = {"type": "string"}
    parameters: list[JsonObject] = [
        {"name": "id", "in": "path", "required": True, "schema": text},
        {"name": "q", "in": "query", "schema": text},
    ]
    operation: JsonObject = {"operationId": "read", "parameters": [*parameters], "responses": {}}
    async with api_server() as api:
        api.answers = lambda seen: json_answer({"said": f"{seen}"}, status, location=f"http://127.0.0.1:9/{SECRET}")
        document: JsonObject = {
            "openapi": "3.0.3",
            "info": {"title": "Orders", "version": "1"},
            "servers": [{"url": api.url}],
            "paths": {"/order/{id}": {"get": operation}},
            "components": {"securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "key"}}},
            "security": [{"k": []}],
        }
        source = openapi_tools(
            document, server=api.url, auth={"k": SECRET}, headers={"X-Key": SECRET}, private_hosts=["127.0.0.1"]
        )

        async def make(sinks: Sinks) -> LightAgent[None, str]:
            model = ScriptedModel([call_tool("read", id=SECRET, q=SECRET), SECRET])
            return LightAgent(model=model, tools=[source], telemetry=sinks)

        assert not await leaks(make, tmp_path, caplog)
        assert any(SECRET in seen.target for seen in api.seen)


@pytest.mark.parametrize("what", FOREIGN)
async def test_no_text_of_an_exception(what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")

    async def make(sinks: Sinks) -> LightAgent[None, str]:
        return FOREIGN[what](sinks)

    assert not await leaks(make, tmp_path, caplog)


async def test_where_a_sink_failed_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    sinks: Sinks = [Breaking(), OpenTelemetrySink()]
    await LightAgent(model=ScriptedModel([SECRET]), telemetry=sinks).arun("?")
    (record,) = [one for one in caplog.records if one.getMessage().startswith("Breaking")]
    file = Path(traceback.extract_stack(limit=1)[0].filename).name
    assert record.getMessage().startswith("Breaking failed; it sees no more of this run. It raised ValueError (")
    assert f"{file}, line " in record.getMessage()
    assert record.exc_info is None
