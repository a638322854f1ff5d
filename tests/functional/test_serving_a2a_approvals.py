"""A2A: a task that waits for a person is `input-required`, and a message of the key's user answers it."""

from __future__ import annotations

import asyncio
import time

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")

from a2a.types.a2a_pb2 import StreamResponse
from google.protobuf.json_format import ParseDict
from starlette.applications import Starlette

from lightagent import HumanApprovalHook, LightAgent, LightFlow, Reviews, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to, objects

HELPER = "/a2a/helper"

paid = list[int]()


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"Paid {amount}."


def reply(request: ChatRequest) -> Reply:
    told = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    if told:
        return " ".join(told)
    amounts = (5, 6) if request.messages[-1].content == "Pay twice." else (5,)
    return [call_tool("pay", amount=amount) for amount in amounts]


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    paid.clear()


def made(
    store: MemoryJournalStore | None, *, other: bool = False, timeout: float | None = None, words: bool = False
) -> Starlette:
    hooks = (
        [] if store is None else [HumanApprovalHook(store=store, tools=(), separate_reviewer=other, timeout=timeout)]
    )
    agent = LightAgent(name="helper", model=ScriptedModel(reply), tools=[pay], hooks=hooks)
    return serve(agent, store=store, settings=ServeSettings(chat_approvals=words))


def message(*parts: JsonValue, task: JsonValue = "") -> JsonObject:
    said: JsonObject = {"messageId": "m1", "role": "ROLE_USER", "parts": [*parts], "taskId": task}
    return {"message": said}


async def call(app: Starlette, method: str, params: JsonObject, key: str = "") -> AsgiCall:
    body: JsonObject = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    return await answer_to(app, HELPER, body, headers={"authorization": f"Bearer {key}"} if key else {})


async def task_of(app: Starlette, params: JsonObject, key: str = "") -> JsonObject:
    """The task that an answer is."""
    answer = await call(app, "SendMessage", params, key)
    (result,) = objects([answer.json["result"]])
    (task,) = objects([result["task"]])
    ParseDict({"task": task}, StreamResponse())
    return task


async def refused(app: Starlette, params: JsonObject, key: str = "") -> int:
    """The code with which a message is refused."""
    answer = await call(app, "SendMessage", params, key)
    (error,) = objects([answer.json["error"]])
    assert (answer.status, answer.json["id"]) == (200, 7)
    return int(str(error["code"]))


def status_of(task: JsonObject) -> JsonObject:
    (status,) = objects([task["status"]])
    return status


def asked_for(task: JsonObject) -> list[JsonObject]:
    """What a task says that it waits for."""
    assert status_of(task)["state"] == "TASK_STATE_INPUT_REQUIRED"
    (told,) = objects([status_of(task)["message"]])
    return objects([part.get("data") for part in objects(told["parts"])])


def yes(task: JsonObject, **more: JsonValue) -> list[JsonValue]:
    """A part for each that waits, which approves it."""
    return [{"data": {"requestId": one["requestId"], "approved": True, **more}} for one in asked_for(task)]


def text_of(task: JsonObject) -> str:
    return "".join(
        str(part["text"]) for artifact in objects(task.get("artifacts")) for part in objects(artifact["parts"])
    )


PAY = message({"text": "Pay."})


async def test_a_task_that_waits_says_for_what_and_how_to_answer() -> None:
    store = MemoryJournalStore()
    (one,) = asked_for(await task_of(made(store, timeout=3600), PAY))
    (review,) = [review async for review in Reviews(store).list()]
    assert (one["requestId"], one["tool"], one["arguments"]) == (review.request.request_id, "pay", {"amount": 5})
    assert str(one["expiresAt"]).endswith("Z")
    assert objects([one["responseSchema"]])[0]["required"] == ["approved"]
    assert paid == []


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_yes_brings_the_task_further_and_is_taken_once(lasts: bool) -> None:
    app = made(MemoryJournalStore() if lasts else None)
    first = await task_of(app, PAY)
    again = message(*yes(first), task=first["id"])
    second = await task_of(app, again)
    assert (second["id"], text_of(second), paid) == (first["id"], "Paid 5.", [5])
    assert status_of(second)["state"] == "TASK_STATE_COMPLETED"
    assert await refused(app, again) == -32004
    assert paid == [5]


@pytest.mark.parametrize("lasts", [True, False])
async def test_of_answers_that_come_at_once_one_counts(lasts: bool) -> None:
    app = made(MemoryJournalStore() if lasts else None)
    first = await task_of(app, PAY)
    calls = [call(app, "SendMessage", message(*yes(first), task=first["id"])) for _ in range(5)]
    answers = [answer.json for answer in await asyncio.gather(*calls)]
    assert (paid, sum("result" in answer for answer in answers)) == ([5], 1)
    told = await call(app, "GetTask", {"id": first["id"]})
    assert text_of(objects([told.json["result"]])[0]) == "Paid 5."


async def test_the_answer_may_be_streamed_and_the_stream_begins_with_the_task() -> None:
    app = made(MemoryJournalStore())
    first = await task_of(app, PAY)
    answer = await call(app, "SendStreamingMessage", message(*yes(first), task=first["id"]))
    results = [objects([chunk["result"]])[0] for chunk in answer.chunks]
    assert objects([results[0]["task"]])[0]["id"] == first["id"]
    last = objects([results[-1]["statusUpdate"]])[0]
    assert (objects([last["status"]])[0]["state"], paid) == ("TASK_STATE_COMPLETED", [5])


async def test_a_call_may_be_made_with_other_arguments_which_come_as_whole_numbers() -> None:
    app = made(MemoryJournalStore())
    first = await task_of(app, PAY)
    await task_of(app, message(*yes(first, editedArgs={"amount": 1.0}), task=first["id"]))
    assert [(amount, type(amount)) for amount in paid] == [(1, int)]


async def test_a_no_is_a_no() -> None:
    app = made(MemoryJournalStore())
    first = await task_of(app, PAY)
    no: JsonValue = {"data": {"requestId": asked_for(first)[0]["requestId"], "approved": False, "reason": "no"}}
    second = await task_of(app, message(no, task=first["id"]))
    assert (status_of(second)["state"], paid) == ("TASK_STATE_COMPLETED", [])


async def test_some_may_be_answered_and_the_others_wait_on() -> None:
    app = made(MemoryJournalStore())
    first = await task_of(app, message({"text": "Pay twice."}))
    half = await task_of(app, message(yes(first)[0], task=first["id"]))
    assert [one["requestId"] for one in asked_for(half)] == [asked_for(first)[1]["requestId"]]
    await task_of(app, message(*yes(half), *yes(half), task=first["id"]))  # Repeated, it is one answer.
    assert sorted(paid) == [5, 6]


@pytest.mark.parametrize(
    "part",
    [
        {"text": "yes"},
        {"data": {"approved": True}},
        {"data": {"requestId": "0" * 32, "approved": True}},
        {"data": "approved"},
    ],
)
async def test_what_is_no_plain_answer_is_refused(part: JsonValue) -> None:
    app = made(MemoryJournalStore())
    first = await task_of(app, PAY)
    assert await refused(app, message(part, task=first["id"])) == -32602
    (one,) = asked_for(first)
    for approved in (1, "true", None):
        wrong: JsonValue = {"data": {"requestId": one["requestId"], "approved": approved}}
        assert await refused(app, message(wrong, task=first["id"])) == -32602
    assert paid == []


@pytest.mark.parametrize("words", [True, False])
async def test_words_are_an_answer_only_where_the_settings_say_so(words: bool) -> None:
    app = made(MemoryJournalStore(), words=words)
    first = await task_of(app, PAY)
    said = message({"text": f"approve {asked_for(first)[0]['requestId']}"}, task=first["id"])
    if words:
        await task_of(app, said)
    else:
        assert await refused(app, said) == -32602
    assert paid == ([5] if words else [])


async def test_nobody_answers_for_another_user() -> None:
    store = MemoryJournalStore()
    app = made(store)
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    first = await task_of(app, PAY, ann)
    for tenant, user in (("acme", "bob"), ("other", "ann"), ("acme", "")):
        key, _ = await keys.create(tenant=tenant, user=user)
        assert await refused(app, message(*yes(first), task=first["id"]), key) == -32001
    assert paid == []


async def test_where_another_person_has_to_decide_the_user_may_not_and_the_task_waits_on() -> None:
    store = MemoryJournalStore()
    app = made(store, other=True)
    ann, _ = await AccessKeys(store, time.time).create(user="ann")
    first = await task_of(app, PAY, ann)
    assert await refused(app, message(*yes(first), task=first["id"]), ann) == -32004
    answer = await call(app, "SendStreamingMessage", message(*yes(first), task=first["id"]), ann)
    assert objects([answer.chunks[-1]["error"]])[0]["code"] == -32004
    told = await call(app, "GetTask", {"id": first["id"]}, ann)
    assert asked_for(objects([told.json["result"]])[0]) == asked_for(first)
    assert paid == []


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_task_that_waits_is_cancelled_and_its_call_never_made(lasts: bool) -> None:
    app = made(MemoryJournalStore() if lasts else None)
    first = await task_of(app, PAY)
    told = await call(app, "CancelTask", {"id": first["id"]})
    assert status_of(objects([told.json["result"]])[0])["state"] == "TASK_STATE_CANCELED"
    assert await refused(app, message(*yes(first), task=first["id"])) == -32004
    assert paid == []


@pytest.mark.parametrize("lasts", [True, False])
async def test_an_approval_that_was_asked_for_here_is_answered_over_another_protocol(lasts: bool) -> None:
    pytest.importorskip("ag_ui")
    store = MemoryJournalStore() if lasts else None
    app = made(store)
    first = await task_of(app, PAY)
    entry: JsonValue = {
        "interruptId": asked_for(first)[0]["requestId"],
        "status": "resolved",
        "payload": {"approved": True},
    }
    answered: JsonObject = {"threadId": "t", "runId": "r", "messages": [], "resume": [entry]}
    await answer_to(made(store) if lasts else app, "/ag-ui/helper", answered)
    assert paid == [5]
    told = await call(app, "GetTask", {"id": first["id"]})
    if lasts:
        assert text_of(objects([told.json["result"]])[0]) == "Paid 5."
    else:  # Nobody has it any more.
        assert objects([told.json["error"]])[0]["code"] == -32001


async def test_what_a_flow_waits_for_is_shown_and_not_answered_here() -> None:
    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("pay", agent=lambda query: "Paid.", requires_approval=True)
    app = serve(flows=[flow])
    first = await task_of(app, PAY)
    (one,) = asked_for(first)
    assert "responseSchema" not in one
    assert await refused(app, message(*yes(first), task=first["id"])) == -32004


async def test_without_json_rpc_a_refusal_has_its_status() -> None:
    store = MemoryJournalStore()
    app = made(store, other=True)
    ann, _ = await AccessKeys(store, time.time).create(user="ann")
    headers = {"authorization": f"Bearer {ann}"}
    first = await task_of(app, PAY, ann)
    yes_of_ann = message(*yes(first), task=first["id"])
    refused_at_once = await answer_to(app, f"{HELPER}/message:send", yes_of_ann, headers=headers)
    assert (refused_at_once.status, objects([refused_at_once.json["error"]])[0]["code"]) == (403, 403)
    streamed = await answer_to(app, f"{HELPER}/message:stream", yes_of_ann, headers=headers)
    assert b"event: error\ndata: " in streamed.body
    missing = await answer_to(app, f"{HELPER}/tasks/made-up", method="GET", headers=headers)
    assert (missing.status, objects([missing.json["error"]])[0]["status"]) == (404, "NOT_FOUND")
    nobody = await answer_to(app, f"{HELPER}/tasks/{first['id']}", method="GET")
    assert nobody.status == 401
    assert paid == []
