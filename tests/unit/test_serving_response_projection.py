"""A run as a streamed answer of the responses protocol, cut after every step."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.application.projections.steps import Step
from lightagent.application.serving.responses.objects import ResponseHead
from lightagent.application.serving.responses.stream import ResponseStream, response_of
from lightagent.application.serving.run_view import ChatView, ShownTools
from lightagent.domain.conversation.deltas import is_delta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Blocked, Completed, Failed
from lightagent.domain.runs.events import ModelReplied, Noted, OutputAccepted, RunFinished
from lightagent.options import RunOptions
from lightagent.ports.tools import NestedDelta, ToolPart
from tests.support.asgi_calls import objects
from tests.unit.test_serving_projection import RUNS, add, pay

HEAD = ResponseHead("resp_1", "1", "helper", 1)
LAST = ("response.completed", "response.failed", "response.incomplete")


async def steps_of(name: str) -> list[Step]:
    expert = LightAgent(name="expert", model=ScriptedModel(["I know."]))
    agent = LightAgent(
        name="helper", model=ScriptedModel(RUNS[name]), tools=[add, pay, expert.as_tool("expert", "Knows.")]
    )
    return [step async for step in agent.asteps("Hello", None, RunOptions(max_retry=1))]


def events_of(stream: bytes) -> list[JsonObject]:
    """The events of a stream, which has nothing but whole frames, numbered one after another."""
    assert stream.endswith(b"\n\n")
    found = list[JsonObject]()
    for frame in stream.removesuffix(b"\n\n").split(b"\n\n"):
        name, data = frame.split(b"\n")
        found.append(json.loads(data.removeprefix(b"data: ")))
        assert name.removeprefix(b"event: ").decode() == found[-1]["type"]
    assert [event["sequence_number"] for event in found] == [*range(len(found))]
    return found


def play(steps: Sequence[Step], view: ChatView) -> bytes:
    projection = ResponseStream(HEAD, view)
    return projection.begin() + b"".join(map(projection.feed, steps))


@pytest.mark.parametrize("tools", ["hidden", "extension"])
@pytest.mark.parametrize("name", RUNS)
async def test_a_stream_that_is_cut_after_any_step_has_whole_events(name: str, tools: ShownTools) -> None:
    steps, view = await steps_of(name), ChatView(tools)
    whole = play(steps, view)
    for place in range(len(steps)):
        projection = ResponseStream(HEAD, view)
        part = projection.begin() + b"".join(map(projection.feed, steps[:place]))
        assert whole.startswith(part)
        assert not any(event["type"] in LAST for event in events_of(part))
        ended = events_of(part + projection.fail(LightAgentErrorInfo("LA-STORE", "The disk is full.")))
        assert ended[-1]["type"] == "response.failed"
    assert [event["type"] for event in events_of(whole) if event["type"] in LAST] == [events_of(whole)[-1]["type"]]
    assert b"secret" not in whole
    assert tools != "hidden" or b"mcp_call" not in whole


@pytest.mark.parametrize("tools", ["hidden", "extension"])
@pytest.mark.parametrize("name", RUNS)
async def test_the_items_that_were_told_one_by_one_are_those_of_the_whole_answer(name: str, tools: ShownTools) -> None:
    steps, view = await steps_of(name), ChatView(tools)
    told = events_of(play(steps, view))
    (whole,) = objects([told[-1]["response"]])
    added = [event["item"] for event in told if event["type"] == "response.output_item.added"]
    done = {str(event["output_index"]): event["item"] for event in told if event["type"] == "response.output_item.done"}
    assert [item["id"] for item in objects(added)] == [item["id"] for item in objects(whole["output"])]
    assert [done[str(index)] for index in range(len(added))] == whole["output"]
    events = [step for step in steps if not (is_delta(step) or isinstance(step, (ToolPart, NestedDelta)))]
    assert response_of(HEAD, events, view)["status"] == whole["status"]


@pytest.mark.parametrize("name", ["tools", "an agent as a tool", "a call that waits"])
async def test_an_answer_on_record_is_the_one_that_was_streamed(name: str) -> None:
    steps, view = await steps_of(name), ChatView("extension")
    events = [step for step in steps if not (is_delta(step) or isinstance(step, (ToolPart, NestedDelta)))]
    assert response_of(HEAD, events, view) == events_of(play(steps, view))[-1]["response"]


async def test_a_call_that_waits_for_a_person_is_a_request_for_approval() -> None:
    (whole,) = objects([events_of(play(await steps_of("a call that waits"), ChatView()))[-1]["response"]])
    (said, asked) = objects(whole["output"])
    assert (said["type"], asked["type"], asked["name"]) == ("message", "mcp_approval_request", "pay")
    assert asked["arguments"] == '{"amount":5}'
    assert whole["status"] == "completed"


async def test_what_is_withheld_is_not_in_the_answer() -> None:
    (whole,) = objects([events_of(play(await steps_of("a failure"), ChatView()))[-1]["response"]])
    assert whole["status"] == "failed"
    assert "secret" not in json.dumps(whole)


@pytest.mark.parametrize("tools", ["hidden", "extension"])
@pytest.mark.parametrize("name", RUNS)
async def test_events_on_record_have_the_same_numbers_whenever_they_are_told(name: str, tools: ShownTools) -> None:
    view = ChatView(tools)
    events = [
        step for step in await steps_of(name) if not (is_delta(step) or isinstance(step, (ToolPart, NestedDelta)))
    ]

    def told(after: int = -1) -> list[JsonObject]:
        projection = ResponseStream(HEAD, view, live=False, after=after)
        stream = projection.begin() + b"".join(map(projection.feed, events))
        return [json.loads(line.removeprefix(b"data: ")) for line in stream.split(b"\n") if line.startswith(b"data: ")]

    whole = told()
    assert [event["sequence_number"] for event in whole] == [*range(len(whole))]
    for number in range(len(whole)):
        assert told(number) == whole[number + 1 :]
    (last,) = objects([whole[-1]["response"]])
    deltas = "".join(str(event["delta"]) for event in whole if event["type"] == "response.output_text.delta")
    assert deltas == "".join(
        str(part["text"])
        for item in objects(last["output"])
        if item["type"] == "message"
        for part in objects(item["content"])
    )


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (RunFinished(Blocked(LightAgentErrorInfo("LA-POLICY", "No."))), ""),
        (RunFinished(Failed(LightAgentErrorInfo("LA-500", "Oh."))), "the secret"),
        (OutputAccepted("a text"), "a text"),
        (OutputAccepted("the secret"), "the secret"),
        (RunFinished(Completed("a text")), "a text"),
    ],
)
def test_what_may_be_the_answer_is_told_once_it_may_be_shown(ends: Step, shown: str) -> None:
    projection = ResponseStream(HEAD, ChatView(), live=False)
    before = projection.feed(ModelReplied(1, AssistantMessage("the secret", (), "I think of it."), "stop"))
    assert before + projection.feed(Noted("x", {})) == b""
    stream = projection.feed(ends)
    assert (b"the secret" in stream) is (shown == "the secret")
    assert shown.encode() in stream
    assert (b"I think" in stream) is (shown == "the secret")
