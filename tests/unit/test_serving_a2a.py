"""A run as a task of A2A, cut after every step, and read by the SDK's own types; what its errors are called there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")

from a2a.types.a2a_pb2 import StreamResponse, Task, TaskState
from a2a.utils import errors
from google.protobuf.json_format import MessageToDict, ParseDict

from lightagent import LightAgent, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.application.projections.steps import Step
from lightagent.application.serving.a2a import errors as our_errors
from lightagent.application.serving.a2a.requests import read_message, read_rpc_call, read_task_id
from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta, is_delta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import RunFinished
from lightagent.domain.usage import Usage
from lightagent.options import RunOptions
from lightagent.ports.tools import NestedDelta, ToolPart
from tests.support.asgi_calls import objects


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(requires_approval=True)
def pay(amount: int, note: str = "") -> int:
    """Pay."""
    return amount


RUNS: dict[str, list[Reply]] = {
    "tools": [
        AssistantMessage("Let me see.", (call_tool("add", a=2, b=3),), "I add."),
        [
            ReasoningDelta("Easy."),
            TextDelta("It is "),
            TextDelta("5 \N{PILE OF POO}\u2028."),
            ReplyEnd("stop", Usage(9, 4, 13)),
        ],
    ],
    "halves of characters": [[TextDelta("One \ud83d"), TextDelta("\udca9 \udca9"), ReplyEnd("stop")]],
    "a call that waits": [AssistantMessage("I pay.", (call_tool("pay", amount=2**60, note="\ud83d"),))],
    "an agent as a tool": [call_tool("expert", query="?"), "The expert said so."],
    "nothing": [[ReplyEnd("stop")]],
    "a failure": [[TextDelta("I was"), ValueError("a secret of the server")]],
    "a refusal": [[ReplyEnd("content_filter")]],
}
ENDS = {
    "a call that waits": "TASK_STATE_INPUT_REQUIRED",
    "a failure": "TASK_STATE_FAILED",
    "a refusal": "TASK_STATE_FAILED",
}


async def steps_of(name: str) -> list[Step]:
    expert = LightAgent(name="expert", model=ScriptedModel(["I know."]))
    agent = LightAgent(
        name="helper", model=ScriptedModel(RUNS[name]), tools=[add, pay, expert.as_tool("expert", "Knows.")]
    )
    return [step async for step in agent.asteps("Hello", None, RunOptions(max_retry=1))]


def played(steps: Sequence[Step]) -> tuple[A2aTask, list[JsonObject]]:
    task = A2aTask("run", "context")
    return task, [update for step in steps for update in task.feed(step)]


def read(update: JsonObject) -> StreamResponse:
    """The same as the SDK's types, which have all of it; only whole numbers are none there."""
    response = ParseDict(update, StreamResponse())
    assert ParseDict(MessageToDict(response), StreamResponse()) == response
    return response


def said(updates: Sequence[JsonObject]) -> str:
    found = ""
    for response in map(read, updates):
        if response.HasField("artifact_update"):
            assert response.artifact_update.append is bool(found)
            found += response.artifact_update.artifact.parts[0].text
    return found


@pytest.mark.parametrize("name", RUNS)
async def test_a_task_is_whole_after_every_step_and_is_what_its_stream_has_told(name: str) -> None:
    steps = await steps_of(name)
    whole = Task()
    for cut in range(len(steps) + 1):
        task, updates = played(steps[:cut])
        whole = read({"task": task.snapshot()}).task
        assert "".join(part.text for one in whole.artifacts for part in one.parts) == said(updates)
        told = [one.status_update.status for one in map(read, updates) if one.HasField("status_update")]
        if told:
            assert whole.status == told[-1]
        assert task.ended is (cut == len(steps) and ENDS.get(name) != "TASK_STATE_INPUT_REQUIRED")
    assert TaskState.Name(whole.status.state) == ENDS.get(name, "TASK_STATE_COMPLETED")
    assert "secret" not in str(whole)
    assert "Easy." not in str(whole)


@pytest.mark.parametrize("name", [name for name in RUNS if name != "a failure"])
async def test_a_journal_makes_the_same_task_as_the_live_run(name: str) -> None:
    steps = await steps_of(name)
    task, _ = played(steps)
    again = A2aTask("run", "context")
    again.replay([step for step in steps if not is_delta(step) and not isinstance(step, (ToolPart, NestedDelta))])
    assert again.snapshot() == task.snapshot()


async def test_a_snapshot_has_as_much_of_the_history_as_is_wanted() -> None:
    task, _ = played(await steps_of("a call that waits"))
    assert len(objects(task.snapshot()["history"])) == 2
    (last,) = objects(task.snapshot(1)["history"])
    assert last["role"] == "ROLE_AGENT"
    assert "history" not in task.snapshot(0)
    assert len(objects(task.snapshot(9)["history"])) == 2


async def test_numbers_of_a_call_that_waits_are_told_whole() -> None:
    task, _ = played(await steps_of("a call that waits"))
    (status,) = objects([task.snapshot()["status"]])
    (message,) = objects([status["message"]])
    (data,) = [part["data"] for part in objects(message["parts"]) if "data" in part]
    assert isinstance(data, dict)
    assert data["arguments"] == {"amount": 2**60, "note": "\N{REPLACEMENT CHARACTER}"}


def test_a_run_that_waits_for_nobody_that_is_known_is_told_as_well() -> None:
    task = A2aTask("run", "context")
    (update,) = task.feed(RunFinished(Suspended(())))
    assert read(update).status_update.status.state == TaskState.TASK_STATE_INPUT_REQUIRED


def test_errors_have_the_codes_and_names_of_the_sdk() -> None:
    known = {
        (errors.JSON_RPC_ERROR_CODE_MAP[kind], mapping.http_code, mapping.grpc_status, mapping.reason)
        for kind, mapping in errors.A2A_ERROR_MAPPING.items()
    }
    ours = [value for value in vars(our_errors).values() if isinstance(value, our_errors.A2aError)]
    assert len(ours) > 8
    assert {(one.code, one.status, one.grpc, one.reason) for one in ours} <= known


def message(*parts: JsonValue, **more: JsonValue) -> JsonObject:
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [*parts], **more}}


TEXT: JsonObject = {"text": "hi"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, -32602),
        (message(), -32602),
        (message(TEXT, role="ROLE_AGENT"), -32602),
        (message(TEXT, role="somebody"), -32602),
        (message({"text": "hi", "url": "https://a.example"}), -32602),
        (message("hi"), -32602),
        (message(TEXT, taskId="x" * 201), -32602),
        (message(TEXT, contextId=5), -32602),
        (message({}), -32602),
        (message({"raw": "aGk=", "mediaType": "audio/wav"}), -32005),
        (message({"url": "https://a.example/x.png", "mediaType": "image/png"}), -32602),
        ({**message(TEXT), "configuration": {"taskPushNotificationConfig": {"url": "https://a.example"}}}, -32003),
        ({**message(TEXT), "configuration": {"acceptedOutputModes": ["audio/wav"]}}, -32005),
    ],
)
def test_what_cannot_be_done_is_refused(params: JsonObject, code: int) -> None:
    with pytest.raises(RequestRefused) as caught:
        read_message(params, "helper")
    (error,) = objects([our_errors.rpc_refusal(caught.value)["error"]])
    assert error["code"] == code


def test_what_a_message_asks_for() -> None:
    half = "\ud83d"
    asked = read_message(
        {
            **message(TEXT, {"data": {"a": 5.0, "b": half}}, contextId="c", referenceTaskIds=["t"]),
            "configuration": {"historyLength": 2, "returnImmediately": True, "acceptedOutputModes": ["text/plain"]},
            "unknown": 1,
        },
        "helper",
    )
    assert asked.chat.query == 'hi\n\n{"a":5,"b":"\N{REPLACEMENT CHARACTER}"}'
    assert (asked.context_id, asked.history_length, asked.at_once) == ("c", 2, True)
    assert asked.chat.dropped == ("message.referenceTaskIds",)
    url: JsonObject = {"url": "https://a.example/x.png", "mediaType": "image/png"}
    with_image = read_message(message(TEXT, url), "helper", image_urls=True).chat.query
    assert isinstance(with_image, list)
    assert [part["type"] for part in with_image] == ["text", "image_url"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jsonrpc": "1.0", "method": "GetTask"},
        {"jsonrpc": "2.0", "method": 5},
        {"jsonrpc": "2.0", "method": "GetTask", "params": []},
        {"jsonrpc": "2.0", "method": "GetTask", "id": True},
        {"jsonrpc": "2.0", "method": "GetTask", "id": {}},
    ],
)
def test_what_is_no_call_is_refused(body: JsonObject) -> None:
    with pytest.raises(our_errors.A2aRefused, match=r"must be|must have"):
        read_rpc_call(body)


def test_a_call_about_a_task_names_it() -> None:
    assert read_task_id({"id": "t", "historyLength": 3}) == ("t", 3)
    assert read_task_id({"id": "t", "metadata": {}})[1] is None
    wrongs: list[JsonObject] = [{}, {"id": 5}, {"id": "t", "historyLength": "many"}]
    for wrong in wrongs:
        with pytest.raises(our_errors.A2aRefused):
            read_task_id(wrong)
