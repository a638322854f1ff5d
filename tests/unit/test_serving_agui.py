"""A run as AG-UI's events, cut after every step, and read by AG-UI's own types."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")

from ag_ui.core import BaseEvent, Event, TextMessageContentEvent
from ag_ui.encoder import EventEncoder
from pydantic import TypeAdapter

from lightagent import LightAgent, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.application.projections.steps import Step
from lightagent.application.serving.agui.events import AguiEvents, AguiOpening
from lightagent.application.serving.agui.requests import read_agui_request
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.usage import Usage
from lightagent.options import RunOptions

EVENTS: TypeAdapter[BaseEvent] = TypeAdapter(Event)
OPENING = AguiOpening("thread", "client-run", None, "answer", "run")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def odd() -> str:
    """Answer with half of a character."""
    return "\ud83d"


@tool(requires_approval=True)
def pay(amount: int) -> int:
    """Pay."""
    return amount


RUNS: dict[str, list[Reply]] = {
    "tools": [
        AssistantMessage("Let me see.", (call_tool("add", a=2, b=3), call_tool("add", a=1, b=1)), "I add."),
        [
            ReasoningDelta("Easy."),
            TextDelta("It is "),
            TextDelta("5 \N{PILE OF POO}\u2028."),
            ReplyEnd("stop", Usage(9, 4, 13)),
        ],
    ],
    "thoughts in between": [[TextDelta("One"), ReasoningDelta("Hm."), TextDelta("Two"), ReplyEnd("stop")]],
    "half a character": [call_tool("odd"), "Done."],
    "a call that waits": [AssistantMessage("I pay.", (call_tool("pay", amount=5),))],
    "an agent as a tool": [call_tool("expert", query="?"), "The expert said so."],
    "a call of no tool": [call_tool("nothing"), "There is none."],
    "nothing": [[ReplyEnd("stop")]],
    "a failure": [[TextDelta("I was"), ValueError("a secret of the server")]],
    "a refusal": [[ReplyEnd("content_filter")]],
}
ENDS = {
    "a call that waits": "interrupt",
    "a failure": "RUN_ERROR",
    "a refusal": "RUN_ERROR",
}


async def steps_of(name: str) -> list[Step]:
    expert = LightAgent(name="expert", model=ScriptedModel([call_tool("add", a=1, b=1), "2"]), tools=[add])
    agent = LightAgent(
        name="helper", model=ScriptedModel(RUNS[name]), tools=[add, odd, pay, expert.as_tool("expert", "Knows.")]
    )
    return [step async for step in agent.asteps("Hello", None, RunOptions(max_retry=1))]


def play(steps: Sequence[Step]) -> bytes:
    projection = AguiEvents(OPENING, WaitingSteps())
    return projection.begin() + b"".join(map(projection.feed, steps))


def events_of(stream: bytes) -> list[JsonObject]:
    """The events of a stream, which has nothing but whole frames that AG-UI's own types take."""
    assert stream.endswith(b"\n\n")
    found = list[JsonObject]()
    for frame in stream.removesuffix(b"\n\n").split(b"\n\n"):
        assert frame.startswith(b"data: ")
        raw = frame.removeprefix(b"data: ")
        assert EVENTS.validate_json(raw).model_dump(by_alias=True, mode="json") == json.loads(raw)
        found.append(json.loads(raw))
    return found


def open_things(events: Sequence[JsonObject]) -> set[tuple[str, str]]:
    """What was begun and has not ended; every event but a beginning is about something that is open, or a call."""
    opened, calls = set[tuple[str, str]](), set[str]()
    for event in events:
        kind, _, verb = str(event["type"]).rpartition("_")
        name = str(event.get("toolCallId") or event.get("messageId") or event.get("runId") or "")
        if verb in ("START", "STARTED"):
            opened.add((kind, name))
            calls.add(name)
        elif verb in ("END", "FINISHED"):
            opened.remove((kind, name))
        elif verb == "RESULT":
            assert name in calls
        elif verb in ("CONTENT", "ARGS"):
            assert (kind, name) in opened
    return opened


@pytest.mark.parametrize("name", RUNS)
async def test_a_stream_that_is_cut_after_any_step_has_whole_events_in_order(name: str) -> None:
    steps = await steps_of(name)
    whole = play(steps)
    for place in range(len(steps)):
        part = play(steps[:place])
        assert whole.startswith(part)
        open_things(events_of(part))
        assert not {"RUN_FINISHED", "RUN_ERROR"} & {event["type"] for event in events_of(part)}
        failed = part + AguiEvents(OPENING, WaitingSteps()).fail(LightAgentErrorInfo("LA-STORE", "/the/disk is full."))
        assert events_of(failed)[-1]["type"] == "RUN_ERROR"
        assert b"disk" not in failed
    events = events_of(whole)
    last = events[-1]
    outcome = last.get("outcome")
    kind = outcome["type"] if isinstance(outcome, dict) else last["type"]
    assert kind == ENDS.get(name, "success")
    assert open_things(events) == ({("RUN", "client-run")} if kind == "RUN_ERROR" else set())
    assert b"secret" not in whole


async def test_calls_of_one_reply_belong_to_its_message_and_have_their_results() -> None:
    events = events_of(play(await steps_of("tools")))
    message = next(event["messageId"] for event in events if event["type"] == "TEXT_MESSAGE_START")
    starts = [event for event in events if event["type"] == "TOOL_CALL_START"]
    assert [(event["toolCallName"], event["parentMessageId"]) for event in starts] == [("add", message)] * 2
    ids = [event["toolCallId"] for event in starts]
    assert all(str(call_id).startswith("run--") for call_id in ids)
    told = {event["toolCallId"]: event["content"] for event in events if event["type"] == "TOOL_CALL_RESULT"}
    assert told == dict(zip(ids, ["5", "2"], strict=True))
    thought = [event["delta"] for event in events if event["type"] == "REASONING_MESSAGE_CONTENT"]
    assert "".join(map(str, thought)) == "I add.Easy."
    said = [event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"]
    assert "".join(map(str, said)) == "Let me see.It is 5 \N{PILE OF POO}\u2028."


async def test_the_tokens_of_the_whole_run_come_with_its_end() -> None:
    (usage,) = _objects(events_of(play(await steps_of("tools")))[-1]["usage"])
    assert int(str(usage["inputTokens"])) > 9
    assert usage["totalTokens"] == int(str(usage["inputTokens"])) + int(str(usage["outputTokens"]))


async def test_what_nested_agents_call_is_not_shown() -> None:
    events = events_of(play(await steps_of("an agent as a tool")))
    assert [event["toolCallName"] for event in events if event["type"] == "TOOL_CALL_START"] == ["expert"]


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def body(*messages: JsonValue, **more: JsonValue) -> JsonObject:
    return {"threadId": "t", "runId": "r", "messages": [*messages], **more}


USER: JsonValue = {"id": "1", "role": "user", "content": "Hello"}
AUDIO: JsonValue = {"type": "audio", "source": {"type": "url", "value": "https://files.example/a.mp3"}}


def test_the_messages_are_the_history_without_what_the_agent_thought() -> None:
    call: JsonValue = {"id": "run--1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    asked = read_agui_request(
        body(
            {"id": "0", "role": "system", "content": "Be short."},
            USER,
            {"id": "2", "role": "reasoning", "content": "Hm."},
            {"id": "3", "role": "assistant", "toolCalls": [call]},
            {"id": "4", "role": "tool", "toolCallId": "run--1", "content": "5", "error": "late"},
            {"id": "5", "role": "activity", "activityType": "x", "content": {}},
            {"id": "6", "role": "assistant", "content": "5."},
            {
                "id": "7",
                "role": "user",
                "content": [
                    {"type": "text", "text": "And this?"},
                    {"type": "image", "source": {"type": "data", "value": "iVBORw==", "mimeType": "image/png"}},
                ],
            },
            context=[{"description": "The time", "value": "noon"}],
            state={"a": 1},
            forwardedProps={},
        ),
        "helper",
    )
    assert asked.chat.query == [
        {"type": "text", "text": "And this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]
    assert [message["role"] for message in asked.chat.history] == ["user", "assistant", "tool", "assistant"]
    assert asked.chat.history[2]["content"] == "5\nlate"
    assert asked.chat.history[-1]["untrusted"] == ["client:message"]
    assert asked.chat.instructions == "Be short.\n\nThe time: noon"
    assert asked.chat.dropped == ("state",)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "threadId"),
        (body(), "messages"),
        (body({"id": "1", "role": "assistant", "content": "Hello"}), "messages"),
        (body({"id": "1", "role": "ghost", "content": "Hello"}), "messages[0]"),
        (body({"id": "1", "role": "user", "content": [AUDIO]}), "messages[0].content[0]"),
    ],
)
def test_what_is_wrong_is_named(wrong: JsonObject, param: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        read_agui_request(wrong, "helper")
    assert (raised.value.status, raised.value.param) == (400, param)


def test_pieces_of_text_are_written_as_the_encoder_of_ag_ui_writes_them() -> None:
    pieces = ["Well, ", 'she said: "no\\yes"\n\t\x00\x1f\x7f\u2028 ', '"delta":""', "grüße \N{PILE OF POO}", ""]
    projection = AguiEvents(OPENING, WaitingSteps())
    frames = b"".join(projection.feed(TextDelta(piece)) for piece in pieces)
    events = [EVENTS.validate_json(frame[6:]) for frame in frames.split(b"\n\n")[:-1]]
    assert frames == b"".join(EventEncoder().encode(event).encode() for event in events)
    said = [event.delta for event in events if isinstance(event, TextMessageContentEvent)]
    assert "".join(said) == "".join(pieces)
