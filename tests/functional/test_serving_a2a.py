"""A2A: an agent behind ``/a2a/NAME``, asked by the client of the SDK over HTTP."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")

import httpx
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.routing import Mount

from lightagent import LightAgent, LightFlow, LightSwarm, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import SystemClock
from lightagent.application.journals.keep_run import RunKeeper
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage, UserMessage
from lightagent.domain.runs.events import ModelReplied
from lightagent.options import RunOptions
from lightagent.ports.models import ChatRequest
from tests.support.asgi_calls import answer_to, objects
from tests.support.client_table import shows
from tests.support.gates import Gate
from tests.support.served import served

PNG = b"\x89PNG\r\n\x1a\n"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}"


def reply(request: ChatRequest) -> Reply:
    """Calls what the question names, and says what it was told, and how much was said before."""
    results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    if isinstance(request.messages[-1], ToolMessage):
        return f"It is {results[-1]}."
    questions = [message for message in request.messages if isinstance(message, UserMessage)]
    asked = questions[-1].text
    if asked == "add":
        return AssistantMessage("Let me see.", (call_tool("add", a=2, b=3),), "I add.")
    if asked in ("wait", "pay"):
        return call_tool("wait") if asked == "wait" else call_tool("pay", amount=5)
    if asked == "fail":
        return [TextDelta("I was"), ValueError("a secret of the server")]
    if asked == "think":
        return [ReasoningDelta("Hm."), TextDelta("Thought."), ReplyEnd("stop")]
    if not isinstance(questions[-1].content, str):
        return f"You sent {len(questions[-1].content)} parts."
    return f"You said {' and '.join(message.text for message in questions)}."


def helper(gate: Gate | None = None) -> LightAgent:
    waiting = Gate() if gate is None else gate
    return LightAgent(name="helper", model=ScriptedModel(reply), tools=[add, waiting.wait, pay])


@asynccontextmanager
async def client_of(
    base: str, name: str = "helper", key: str = "", *, streaming: bool = True, binding: str = "JSONRPC"
) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(headers=headers, timeout=20) as http:
        card = await A2ACardResolver(http, f"{base}/a2a/{name}").get_agent_card()
        yield ClientFactory(
            ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=[binding])
        ).create(card)


def asks(text: str = "", *parts: Part, task: str = "", context: str = "", at_once: bool = False) -> SendMessageRequest:
    said = [Part(text=text)] if text else []
    message = Message(message_id="m1", role=Role.ROLE_USER, parts=[*said, *parts], task_id=task, context_id=context)
    return SendMessageRequest(message=message, configuration=SendMessageConfiguration(return_immediately=at_once))


async def told(client: Client, request: SendMessageRequest) -> list[StreamResponse]:
    return [one async for one in client.send_message(request)]


async def task_of(client: Client, request: SendMessageRequest) -> Task:
    """The task of an answer that is not streamed."""
    (one,) = await told(client, request)
    return one.task


def text_of(task: Task) -> str:
    return "".join(part.text for artifact in task.artifacts for part in artifact.parts)


def streamed(responses: list[StreamResponse]) -> str:
    return "".join(part.text for one in responses for part in one.artifact_update.artifact.parts)


def states(responses: list[StreamResponse]) -> list[str]:
    return [TaskState.Name(one.status_update.status.state) for one in responses if one.HasField("status_update")]


BINDINGS = pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    yield found
    found.open()


@pytest.fixture
def base(gate: Gate) -> Iterator[str]:
    with served(serve(helper(gate))) as address:
        yield address


@shows("a2a", "text", "usage")
@BINDINGS
async def test_an_answer_is_a_task_whose_text_is_streamed(base: str, binding: str) -> None:
    async with client_of(base, binding=binding) as client:
        responses = await told(client, asks("add"))
        assert responses[0].task.status.state == TaskState.TASK_STATE_SUBMITTED
        assert states(responses) == ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]
        assert streamed(responses) == "Let me see.\n\nIt is 5."
        task = await client.get_task(GetTaskRequest(id=responses[0].task.id))
    assert text_of(task) == "Let me see.\n\nIt is 5."
    assert task.metadata["usage"] == responses[-1].status_update.metadata["usage"]
    assert [part.text for message in task.history for part in message.parts] == ["add"]
    assert task.context_id == responses[0].task.context_id != ""


async def test_reasoning_and_tools_are_hidden(base: str) -> None:
    async with client_of(base) as client:
        responses = await told(client, asks("think"))
        assert (streamed(responses), states(responses)[-1]) == ("Thought.", "TASK_STATE_COMPLETED")
        assert "Hm." not in str(responses)
        assert "2" not in streamed(await told(client, asks("add")))


@BINDINGS
async def test_an_answer_may_be_awaited_or_asked_for_later(base: str, binding: str, gate: Gate) -> None:
    async with client_of(base, streaming=False, binding=binding) as client:
        assert text_of(await task_of(client, asks("hi"))) == "You said hi."
        task = await task_of(client, asks("wait", at_once=True))
        assert not text_of(task)
    async with client_of(base, binding=binding) as client:
        stream = client.subscribe(SubscribeToTaskRequest(id=task.id))
        responses = [await anext(stream)]
        await gate.called()
        gate.open()
        responses += [one async for one in stream]
        assert responses[0].task.id == task.id
        assert (streamed(responses), states(responses)[-1]) == ("It is waited.", "TASK_STATE_COMPLETED")
        with pytest.raises(UnsupportedOperationError):
            await anext(client.subscribe(SubscribeToTaskRequest(id=task.id)))


async def test_a_client_that_leaves_finds_its_task_again(base: str, gate: Gate) -> None:
    async with client_of(base) as client:
        stream = client.send_message(asks("wait"))
        task_id = (await anext(stream)).task.id
    async with client_of(base) as client:
        await gate.called()
        gate.open()
        with contextlib.suppress(UnsupportedOperationError):  # It may have ended by now.
            _ = [one async for one in client.subscribe(SubscribeToTaskRequest(id=task_id))]
        task = await client.get_task(GetTaskRequest(id=task_id))
    assert text_of(task) == "It is waited."


@shows("a2a", "stop")
@BINDINGS
async def test_a_task_is_cancelled_and_its_tool_with_it(base: str, binding: str, gate: Gate) -> None:
    async with client_of(base, binding=binding) as client:
        stream = client.send_message(asks("wait"))
        task_id = (await anext(stream)).task.id
        await gate.called()
        task = await client.cancel_task(CancelTaskRequest(id=task_id))
        assert task.status.state == TaskState.TASK_STATE_CANCELED
        assert states([one async for one in stream])[-1] == "TASK_STATE_CANCELED"
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=task_id))


@shows("a2a", "error")
async def test_a_run_that_fails_is_a_failed_task_without_the_secrets_of_the_server(base: str) -> None:
    async with client_of(base) as client:
        responses = await told(client, asks("fail"))
    assert (streamed(responses), states(responses)[-1]) == ("I was", "TASK_STATE_FAILED")
    assert "secret" not in str(responses)
    assert responses[-1].status_update.status.message.metadata["code"] == "LA-UNKNOWN"


@shows("a2a", "approval")
@BINDINGS
async def test_what_waits_for_a_person_is_answered_by_the_user_of_the_key(base: str, binding: str) -> None:
    async with client_of(base, binding=binding) as client:
        responses = await told(client, asks("pay"))
        assert states(responses)[-1] == "TASK_STATE_INPUT_REQUIRED"
        (waits,) = [part for part in responses[-1].status_update.status.message.parts if part.HasField("data")]
        assert MessageToDict(waits)["data"]["arguments"] == {"amount": 5}
        answer = Part()
        answer.data.struct_value.update({"requestId": waits.data.struct_value["requestId"], "approved": True})
        responses = await told(client, asks("", answer, task=responses[0].task.id))
    assert (streamed(responses), states(responses)[-1]) == ("It is Paid 5.", "TASK_STATE_COMPLETED")


@shows("a2a", "image")
@BINDINGS
async def test_images_and_data_are_taken_and_other_parts_refused(base: str, binding: str) -> None:
    async with client_of(base, streaming=False, binding=binding) as client:
        image = Part(raw=PNG, media_type="image/png")
        assert text_of(await task_of(client, asks("see", image))) == "You sent 2 parts."
        data = Part()
        data.data.struct_value["count"] = 5
        assert text_of(await task_of(client, asks("", data))) == 'You said {"count":5}.'
        for wrong in (Part(raw=b"%PDF", media_type="application/pdf"), Part(url="https://a.example/b.pdf")):
            with pytest.raises(ContentTypeNotSupportedError):
                await task_of(client, asks("see", wrong))


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_context_is_a_conversation(lasts: bool) -> None:
    with served(serve(helper(), store=MemoryJournalStore() if lasts else None)) as base:
        async with client_of(base, streaming=False) as client:
            first = await task_of(client, asks("one"))
            second = await task_of(client, asks("two", context=first.context_id))
            other = await task_of(client, asks("three", context="another"))
    assert (text_of(second), second.context_id) == ("You said one and two.", first.context_id)
    assert (text_of(other), other.context_id) == ("You said three.", "another")


@BINDINGS
async def test_another_owners_task_and_conversation_are_not_there(binding: str) -> None:
    store = MemoryJournalStore()
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    bob, _ = await keys.create(tenant="acme", user="bob")
    eve, _ = await keys.create(tenant="other", user="ann")
    with served(serve(helper(), store=store)) as base:
        async with client_of(base, key=ann, streaming=False, binding=binding) as client:
            task = await task_of(client, asks("one"))
            assert (await client.get_task(GetTaskRequest(id=task.id))).id == task.id
        for key in (bob, eve):
            async with client_of(base, key=key, streaming=False, binding=binding) as client:
                with pytest.raises(TaskNotFoundError):
                    await client.get_task(GetTaskRequest(id=task.id))
                with pytest.raises(TaskNotFoundError):
                    await client.cancel_task(CancelTaskRequest(id=task.id))
                with pytest.raises(TaskNotFoundError):
                    await task_of(client, asks("hi", task=task.id))
                other = await task_of(client, asks("two", context=task.context_id))
                assert text_of(other) == "You said two."
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{base}/a2a/helper/.well-known/agent-card.json")).status_code == 401


async def test_a_task_is_found_in_the_store_after_a_restart() -> None:
    store = MemoryJournalStore()
    with served(serve(helper(), store=store)) as base:
        async with client_of(base, streaming=False) as client:
            before = await task_of(client, asks("add"))
    with served(serve(helper(), store=store)) as base:
        async with client_of(base, streaming=False) as client:
            after = await client.get_task(GetTaskRequest(id=before.id))
            assert after == before
            more = await task_of(client, asks("two", context=before.context_id))
            assert text_of(more) == "You said add and two."


async def test_a_run_whose_process_has_gone_goes_on_once_somebody_subscribes_to_it() -> None:
    store = MemoryJournalStore()
    steps = helper().asteps("add", None, RunOptions())
    events = await steps.to_end()
    replied = next(at for at, event in enumerate(events) if isinstance(event, ModelReplied))
    for run_id in ("one", "two"):
        started = replace(steps.journal.started, run_id=run_id)
        keeper = RunKeeper(store, run_id, started.scope, SystemClock(), "helper")
        await keeper.open([], 0)
        await keeper.close([started, *events[1 : replied + 1]])
    with served(serve(helper(), store=store)) as base:
        async with client_of(base) as client:
            task = await client.get_task(GetTaskRequest(id="one"))
            assert task.status.state == TaskState.TASK_STATE_WORKING
            assert "interrupted" in task.status.message.parts[0].text
            responses = [one async for one in client.subscribe(SubscribeToTaskRequest(id="one"))]
            assert (streamed(responses), states(responses)[-1]) == ("\n\nIt is 5.", "TASK_STATE_COMPLETED")
            assert text_of(responses[0].task) == "Let me see."
            other = await client.cancel_task(CancelTaskRequest(id="two"))
            assert other.status.state == TaskState.TASK_STATE_CANCELED


async def test_cards_are_those_of_the_models_that_the_key_may_use() -> None:
    flow = LightFlow(name="steps")
    flow.step("first", agent=lambda text: "Done.")
    swarm = LightSwarm()
    swarm.register_agent(LightAgent(name="member", model=ScriptedModel(reply)))
    app = serve(helper(), swarms={"team": swarm}, flows=[flow])
    assert (await answer_to(app, "/.well-known/agent-card.json", method="GET")).status == 404
    for name, kind in (("helper", "agent"), ("team", "swarm"), ("steps", "flow")):
        card = (await answer_to(app, f"/a2a/{name}/.well-known/agent-card.json", method="GET")).json
        assert (card["name"], card["description"]) == (name, f"The {kind} {name}.")
    assert (await answer_to(app, "/a2a/nobody/.well-known/agent-card.json", method="GET")).status == 404
    only = await answer_to(serve(helper()), "/.well-known/agent-card.json", method="GET")
    assert only.json["name"] == "helper"
    with served(app) as base:
        async with client_of(base, "steps") as client:
            responses = await told(client, asks("go"))
            assert (streamed(responses), states(responses)[-1]) == ("Done.", "TASK_STATE_COMPLETED")
        async with client_of(base, "team") as client:
            assert streamed(await told(client, asks("hi"))) == "You said hi."


async def test_tasks_are_not_listed_and_the_answer_is_one_of_the_protocol() -> None:
    app = serve(LightAgent(name="helper", model=ScriptedModel(reply)))
    asked = await answer_to(app, "/a2a/helper", {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {}})
    plain = await answer_to(app, "/a2a/helper/tasks", method="GET")
    for call in (asked, plain):
        assert b"UNSUPPORTED_OPERATION" in call.body


async def test_the_card_of_a_mounted_server_says_where_it_is_mounted() -> None:
    outer = Starlette(routes=[Mount("/our agents", serve(LightAgent(name="helper", model=ScriptedModel(reply))))])
    call = await answer_to(outer, "/our agents/a2a/helper/.well-known/agent-card.json", method="GET")
    addresses = {str(one["url"]) for one in objects(call.json["supportedInterfaces"])}
    assert addresses == {"http://localhost/our%20agents/a2a/helper"}


async def test_without_the_types_of_the_protocol_the_answer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for part in ("a2a.cards", "a2a.requests"):
        monkeypatch.setitem(sys.modules, f"lightagent.application.serving.{part}", None)
    monkeypatch.delitem(sys.modules, "lightagent.entrypoints.serving.a2a.calls", raising=False)
    monkeypatch.delitem(sys.modules, "lightagent.entrypoints.serving.a2a.tasks", raising=False)
    app = serve(helper())
    for call in (
        await answer_to(app, "/a2a/helper", {"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "x"}}),
        await answer_to(app, "/a2a/helper/.well-known/agent-card.json", method="GET"),
    ):
        assert call.status == 404
        assert b"a2a-sdk" in call.body
