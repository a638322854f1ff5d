"""A run as a streamed chat completion, cut after every step."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import LightAgent, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.application.projections.steps import Step
from lightagent.application.serving.chat.answers import chat_completion
from lightagent.application.serving.chat.chunks import DONE, ChatChunks
from lightagent.application.serving.projections import Opening
from lightagent.application.serving.run_view import ChatView, ReasoningField, ShownTools
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta, is_delta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage
from lightagent.options import RunOptions
from lightagent.ports.tools import NestedDelta, ToolPart

OPENING = Opening("chatcmpl-1", "helper", 1)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool(requires_approval=True)
def pay(amount: int) -> int:
    """Pay."""
    return amount


END = ReplyEnd("stop", Usage(9, 4, 13))
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
    "a call that waits": [AssistantMessage("I pay.", (call_tool("pay", amount=5),))],
    "an agent as a tool": [call_tool("expert", query="?"), "The expert said so."],
    "an answer that was cut": [[TextDelta("And then"), ReplyEnd("length")]],
    "nothing": [[ReplyEnd("stop")]],
    "a failure": [[TextDelta("I was"), ValueError("a secret of the server")]],
    "a refusal": [[ReplyEnd("content_filter")]],
}


async def steps_of(name: str) -> list[Step]:
    expert = LightAgent(name="expert", model=ScriptedModel([call_tool("add", a=1, b=1), "2"]), tools=[add])
    agent = LightAgent(
        name="helper", model=ScriptedModel(RUNS[name]), tools=[add, pay, expert.as_tool("expert", "Knows.")]
    )
    return [step async for step in agent.asteps("Hello", None, RunOptions(max_retry=1))]


def frames_of(stream: bytes) -> list[JsonObject]:
    """The chunks of a stream, which has nothing but whole frames."""
    assert stream.endswith(b"\n\n") or not stream
    frames = stream.removesuffix(b"\n\n").split(b"\n\n") if stream else []
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames if frame != b"data: [DONE]"]


def play(steps: Sequence[Step], view: ChatView) -> bytes:
    projection = ChatChunks(OPENING, view)
    return projection.begin() + b"".join(map(projection.feed, steps))


def deltas(stream: bytes) -> list[JsonObject]:
    choices = [choice for frame in frames_of(stream) for choice in _list(frame.get("choices"))]
    return [delta for choice in choices for delta in _list([choice["delta"]])]


def _list(value: object) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


@pytest.mark.parametrize("tools", ["hidden", "reasoning", "extension"])
@pytest.mark.parametrize("name", RUNS)
async def test_a_stream_that_is_cut_after_any_step_has_whole_frames(name: str, tools: ShownTools) -> None:
    steps, view = await steps_of(name), ChatView(tools, usage=True)
    whole = play(steps, view)
    for place in range(len(steps)):
        part = play(steps[:place], view)
        assert whole.startswith(part)
        assert DONE not in part
        ended = frames_of(part + ChatChunks(OPENING, view).fail(LightAgentErrorInfo("LA-STORE", "The disk is full.")))
        assert "error" in ended[-1]
    assert whole.endswith(DONE)
    assert whole.count(DONE) == 1
    assert b"tool_calls" not in whole
    assert b"secret" not in whole


@pytest.mark.parametrize("name", ["tools", "a call that waits", "an agent as a tool", "an answer that was cut"])
async def test_the_whole_answer_is_what_the_stream_ends_with(name: str) -> None:
    steps, view = await steps_of(name), ChatView()
    events = [step for step in steps if not (is_delta(step) or isinstance(step, (ToolPart, NestedDelta)))]
    body = chat_completion(OPENING, events, view, WaitingSteps())
    assert isinstance(body, dict)
    (choice,) = _list(body["choices"])
    (message,) = _list([choice["message"]])
    stream = play(steps, view)
    text = "".join(str(delta.get("content") or "") for delta in deltas(stream))
    assert text.endswith(str(message["content"]))
    assert _list(frames_of(stream)[-1]["choices"])[0]["finish_reason"] == choice["finish_reason"]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("reasoning_content", {"reasoning_content"}),
        ("reasoning", {"reasoning"}),
        ("both", {"reasoning_content", "reasoning"}),
        ("none", set()),
    ],
)
async def test_what_a_model_thinks_has_the_field_of_the_setting(field: ReasoningField, names: set[str]) -> None:
    stream = play(await steps_of("tools"), ChatView(reasoning=field))
    thought = [delta for delta in deltas(stream) if "content" not in delta and delta]
    assert {name for delta in thought for name in delta} == names
    assert all("".join(str(delta[name]) for delta in thought) == "I add.Easy." for name in names)


async def test_texts_of_two_turns_are_parted() -> None:
    stream = play(await steps_of("tools"), ChatView())
    text = "".join(str(delta.get("content") or "") for delta in deltas(stream))
    assert text == "Let me see.\n\nIt is 5 \N{PILE OF POO}\u2028."


async def test_tools_are_shown_as_lines_or_as_a_field_of_their_own() -> None:
    steps = await steps_of("an agent as a tool")
    lines = [
        str(delta["reasoning_content"])
        for delta in deltas(play(steps, ChatView("reasoning")))
        if len(delta) == 1 and "reasoning_content" in delta
    ]
    assert [line.strip().split()[:2] for line in lines] == [
        ["→", "expert"],
        ["→", "add"],
        ["←", "add:"],
        ["←", "expert:"],
    ]
    told = [frame["lightagent"] for frame in frames_of(play(steps, ChatView("extension"))) if "lightagent" in frame]
    assert [(one["type"], one["name"], len(_path(one))) for one in _list(told)] == [
        ("tool_call", "expert", 0),
        ("tool_call", "add", 1),
        ("tool_result", "add", 1),
        ("tool_result", "expert", 0),
    ]


def _path(one: JsonObject) -> list[object]:
    path = one["path"]
    return [*path] if isinstance(path, list) else []


async def test_the_tokens_of_all_turns_come_last_and_only_when_asked_for() -> None:
    steps = await steps_of("tools")
    last = frames_of(play(steps, ChatView(usage=True)))[-1]
    assert last["choices"] == []
    (usage,) = _list([last["usage"]])
    assert int(str(usage["prompt_tokens"])) > 9
    assert b'"usage"' not in play(steps, ChatView())
