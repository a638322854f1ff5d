"""What is served as tools of an MCP server: by the client of the MCP SDK, and by an agent of our own, over HTTP."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("mcp", reason="the environment of openai 2 has no MCP SDK")

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from lightagent import HttpServer, LightAgent, McpServer, Runs, mcp_tools, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.messages import ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import answer_to, calling, chat, objects
from tests.support.client_table import shows
from tests.support.gates import Gate
from tests.support.served import served


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}."


def reply(request: ChatRequest) -> Reply:
    """Calls what the question names, and says what was said before."""
    questions = [message for message in request.messages if isinstance(message, UserMessage)]
    if isinstance(request.messages[-1], ToolMessage):
        return f"It has {request.messages[-1].content}."
    asked = questions[-1].text
    if asked == "wait":
        return call_tool("wait")
    if asked == "pay":
        return call_tool("pay", amount=5)
    if asked == "fail":
        raise ValueError("a secret of the server")
    return f"You said {' and '.join(message.text for message in questions)}."


def asks_the_expert(request: ChatRequest) -> Reply:
    """Asks the only tool that there is, and repeats its answer."""
    if isinstance(request.messages[-1], ToolMessage):
        return f"The expert said: {request.messages[-1].content}"
    (one,) = request.tools
    return call_tool(one.name, query="hi")


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    yield found
    found.open()


def helper(gate: Gate | None = None, name: str = "helper") -> LightAgent:
    return LightAgent(name=name, model=ScriptedModel(reply), tools=[(gate or Gate()).wait, pay])


@asynccontextmanager
async def client_of(base: str, key: str = "", mode: str = "auto") -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        Client(streamable_http_client(f"{base}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


async def ask(client: Client, query: str, name: str = "helper", **more: str) -> CallToolResult:
    return await client.call_tool(name, {"query": query, **more})


MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@shows("mcp", "text")
@MODES
async def test_a_model_is_a_tool_that_answers(mode: str) -> None:
    with served(serve([helper(), helper(name="Ann's helper")])) as base:
        async with client_of(base, mode=mode) as client:
            tools = (await client.list_tools()).tools
            assert [one.name for one in tools] == ["helper", "Ann_s_helper"]
            assert tools[0].input_schema["required"] == ["query"]
            answer = await ask(client, "hi", "Ann_s_helper")
            assert (text_of(answer), answer.is_error) == ("You said hi.", False)
            with pytest.raises(MCPError):
                await ask(client, "hi", "nobody")


@shows("mcp", "tools")
@MODES
async def test_progress_is_told_while_it_runs_and_names_tools_where_they_are_shown(mode: str, gate: Gate) -> None:
    told, named = list[float](), list[str | None]()

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)
        named.append(message)
        gate.open()

    with served(serve(helper(gate), settings=ServeSettings(tools_shown="reasoning"))) as base:
        async with client_of(base, mode=mode) as client:
            answer = await client.call_tool("helper", {"query": "wait"}, progress_callback=on_progress)
    assert text_of(answer) == "It has waited."
    assert told == sorted(told)
    assert len(told) > 1
    assert {*named} == {None, "wait"}


@shows("mcp", "stop")
@MODES
async def test_who_gives_a_call_up_ends_the_run_and_its_tool(mode: str, gate: Gate) -> None:
    store = MemoryJournalStore()
    with served(serve(helper(gate), store=store)) as base:
        async with client_of(base, mode=mode) as client:
            call = asyncio.create_task(ask(client, "wait"))
            await gate.called()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await gate.ended()
            assert text_of(await ask(client, "hi")) == "You said hi."
    statuses = [info.status async for info in Runs(store).list()]
    assert sorted(statuses) == ["cancelled", "completed"]


@shows("mcp", "error")
async def test_what_goes_wrong_is_the_result_of_the_tool() -> None:
    with served(serve(helper())) as base:
        async with client_of(base) as client:
            failed = await ask(client, "fail")
            assert failed.is_error
            assert "secret" not in text_of(failed)
            assert (await ask(client, " ")).is_error
            assert (await client.call_tool("helper", {"query": 5})).is_error
            assert (await client.call_tool("helper", {"query": "hi", "more": "?"})).is_error


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_conversation_is_remembered_by_the_name_that_the_client_chose(lasts: bool) -> None:
    with served(serve(helper(), store=MemoryJournalStore() if lasts else None)) as base:
        async with client_of(base) as client:
            await ask(client, "one", conversation="mine")
            assert text_of(await ask(client, "two", conversation="mine")) == "You said one and two."
            assert text_of(await ask(client, "three")) == "You said three."


async def test_what_waits_for_a_person_is_said_with_its_id() -> None:
    store = MemoryJournalStore()
    with served(serve(helper(), store=store)) as base:
        async with client_of(base) as client:
            answer = await ask(client, "pay")
    assert not answer.is_error
    assert "waits for a person to decide" in text_of(answer)
    assert '`pay` with `{"amount":5}`, ID ' in text_of(answer)
    (info,) = [info async for info in Runs(store).list(status="suspended")]
    assert info.agent == "helper"


@MODES
async def test_a_key_has_its_own_tools_conversations_and_sessions(mode: str) -> None:
    store = MemoryJournalStore()
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    bob, _ = await keys.create(tenant="acme", user="bob", agents=("other",))
    with served(serve([helper(), helper(name="other")], store=store)) as base:
        async with client_of(base, ann, mode) as client:
            assert len((await client.list_tools()).tools) == 2
            await ask(client, "one", "other", conversation="shared")
        async with client_of(base, bob, mode) as client:
            assert [one.name for one in (await client.list_tools()).tools] == ["other"]
            assert text_of(await ask(client, "two", "other", conversation="shared")) == "You said two."
            with pytest.raises(MCPError):
                await ask(client, "hi", "helper")
        with pytest.raises(BaseExceptionGroup):
            async with client_of(base, "la-wrong", mode) as client:
                await client.list_tools()


async def test_a_session_of_one_key_is_not_there_for_another() -> None:
    store = MemoryJournalStore()
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(user="ann")
    bob, _ = await keys.create(user="bob")
    started = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    accept = {"accept": "application/json, text/event-stream"}
    with served(serve(helper(), store=store)) as base:
        async with httpx2.AsyncClient(headers=accept, timeout=20) as http:
            first = await http.post(f"{base}/mcp", json=started, headers={"authorization": f"Bearer {ann}"})
            session = first.headers["mcp-session-id"]
            listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
            statuses = [
                (
                    await http.post(
                        f"{base}/mcp",
                        json=listing,
                        headers={"authorization": f"Bearer {key}", "mcp-session-id": session},
                    )
                ).status_code
                for key in (ann, bob)
            ]
    assert statuses == [200, 404]
    assert first.headers["x-request-id"].startswith("req_")


CHAT = "/v1/chat/completions"
OPENING: JsonObject = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a", "version": "1"},
    },
}


async def test_a_key_with_all_the_sessions_that_it_may_have_takes_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lightagent.entrypoints.serving.mcp.sessions.MOST_SESSIONS", 2)
    store = MemoryJournalStore()
    app, keys = serve(helper(), store=store), AccessKeys(store, time.time)
    ann, bob = [
        {"authorization": f"Bearer {(await keys.create(tenant=name))[0]}", "accept": "text/event-stream, */*"}
        for name in ("acme", "other")
    ]
    statuses = [(await answer_to(app, "/mcp", OPENING, headers=key)).status for key in (ann, ann, ann, bob)]
    await app.state.serving.stop()
    assert statuses == [200, 200, 503, 200]


async def test_calls_that_the_end_of_the_server_cancels_are_answered(gate: Gate) -> None:
    app = serve(helper(gate), settings=ServeSettings(shutdown_seconds=0))
    headers = {"accept": "text/event-stream, */*", "mcp-protocol-version": "2025-06-18"}
    headers["mcp-session-id"] = (await answer_to(app, "/mcp", OPENING, headers=headers)).headers["mcp-session-id"]
    told: JsonObject = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await answer_to(app, "/mcp", told, headers=headers)).status == 202
    params: JsonObject = {"name": "helper", "arguments": {"query": "wait"}}
    asked: JsonObject = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
    async with calling(app, "/mcp", asked, headers=headers) as call, calling(app, CHAT, chat("wait")) as plain:
        await gate.called()
        await app.state.serving.stop()
        await call.ended()
        await plain.ended()
    assert "The server was stopped." in call.body.decode()
    assert (plain.status, objects([plain.json["error"]])[0]["message"]) == (503, "The run was cancelled.")


@pytest.mark.parametrize("used", [True, False])
async def test_a_server_that_was_stopped_says_so(*, used: bool) -> None:
    app, headers = serve(helper()), {"accept": "text/event-stream, */*"}
    if used:
        assert (await answer_to(app, "/mcp", OPENING, headers=headers)).status == 200
    await app.state.serving.stop()
    stopped = await answer_to(app, "/mcp", OPENING, headers=headers)
    assert (stopped.status, stopped.headers["retry-after"]) == (503, "5")


async def test_an_agent_of_our_own_uses_a_served_agent_as_a_tool() -> None:
    store = MemoryJournalStore()
    ann, _ = await AccessKeys(store, time.time).create(user="ann")
    with served(serve(helper(), store=store)) as base:
        server = HttpServer(f"{base}/mcp", headers={"authorization": f"Bearer {ann}"})
        agent = LightAgent(
            name="boss", model=ScriptedModel(asks_the_expert), tools=[mcp_tools(McpServer("expert", server))]
        )
        answer = await agent.arun("Ask the expert.")
        await agent.aclose()
    assert "You said hi." in str(answer)


async def test_without_the_sdk_the_answer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightagent.entrypoints.serving.mcp.sessions", None)
    call = await answer_to(serve(helper()), "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert call.status == 404
    assert b"lacks the MCP SDK" in call.body
