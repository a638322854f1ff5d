"""A run as Vercel's UI message stream, cut after every step."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from lightagent import LightAgent, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.projections.steps import Step
from lightagent.application.serving.run_view import ChatView, ShownTools
from lightagent.application.serving.vercel.stream import VercelOpening, VercelStream
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.usage import Usage
from lightagent.options import ResumeOptions, RunOptions

OPENING = VercelOpening("answer", "run")
DONE = b"data: [DONE]\n\n"


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
    "a call that waits": [AssistantMessage("I pay.", (call_tool("add", a=1, b=1), call_tool("pay", amount=5)))],
    "a nested call that waits": [call_tool("payer", query="?")],
    "an agent as a tool": [call_tool("expert", query="?"), "The expert said so."],
    "a call of no tool": [call_tool("nothing"), "There is none."],
    "an answer that was cut": [[TextDelta("And then"), ReplyEnd("length")]],
    "nothing": [[ReplyEnd("stop")]],
    "a failure": [[TextDelta("I was"), ValueError("a secret of the server")]],
    "a refusal": [[ReplyEnd("content_filter")]],
}
ENDS = {
    "a call that waits": "tool-calls",
    "a nested call that waits": "tool-calls",
    "an answer that was cut": "length",
    "a failure": "error",
    "a refusal": "content-filter",
}


async def steps_of(name: str) -> list[Step]:
    expert = LightAgent(name="expert", model=ScriptedModel([call_tool("add", a=1, b=1), "2"]), tools=[add])
    payer = LightAgent(name="payer", model=ScriptedModel([call_tool("pay", amount=5)]), tools=[pay])
    agent = LightAgent(
        name="helper",
        model=ScriptedModel(RUNS[name]),
        tools=[add, odd, pay, expert.as_tool("expert", "Knows."), payer.as_tool("payer", "Pays.")],
    )
    return [step async for step in agent.asteps("Hello", None, RunOptions(max_retry=1))]


def play(steps: Sequence[Step], tools: ShownTools = "extension") -> bytes:
    projection = VercelStream(OPENING, ChatView(tools), WaitingSteps())
    return projection.begin() + b"".join(map(projection.feed, steps))


def parts_of(stream: bytes) -> list[JsonObject]:
    """The parts of a stream, which has nothing but whole frames."""
    assert stream.endswith(b"\n\n")
    frames = stream.removesuffix(DONE).removesuffix(b"\n\n").split(b"\n\n")
    assert all(frame.startswith(b"data: {") for frame in frames)
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def open_texts(parts: Sequence[JsonObject]) -> set[str]:
    """The texts that have begun and not ended; whatever a part is about, it has begun before, as clients demand."""
    texts, calls, steps = set[str](), set[JsonValue](), 0
    for part in parts:
        kind = str(part["type"])
        name = f"{kind.partition('-')[0]} {part.get('id')}"
        if kind in ("text-start", "reasoning-start"):
            texts.add(name)
        elif kind in ("text-delta", "reasoning-delta"):
            assert name in texts
        elif kind in ("text-end", "reasoning-end"):
            texts.remove(name)
        elif kind == "tool-input-available":
            calls.add(part["toolCallId"])
        elif kind.startswith("tool-"):
            assert part["toolCallId"] in calls
        elif kind in ("start-step", "finish-step"):
            steps += 1 if kind == "start-step" else -1
        assert 0 <= steps <= 1
    return texts


@pytest.mark.parametrize("tools", ["hidden", "reasoning", "extension"])
@pytest.mark.parametrize("name", RUNS)
async def test_a_stream_that_is_cut_after_any_step_has_whole_parts_in_order(name: str, tools: ShownTools) -> None:
    steps = await steps_of(name)
    whole = play(steps, tools)
    for place in range(len(steps)):
        part = play(steps[:place], tools)
        assert whole.startswith(part)
        open_texts(parts_of(part))
        assert DONE not in part
        fresh = VercelStream(OPENING, ChatView(tools), WaitingSteps())
        failed = part + fresh.fail(LightAgentErrorInfo("LA-STORE", "/the/disk is full."))
        assert parts_of(failed)[-1]["type"] == "error"
        assert b"disk" not in failed
    assert whole.endswith(DONE)
    assert whole.count(DONE) == 1
    parts = parts_of(whole)
    assert open_texts(parts) == set()
    assert parts[-1].get("finishReason", parts[-1]["type"]) == ENDS.get(name, "stop")
    assert b"secret" not in whole


def kinds(parts: Sequence[JsonObject], *prefixes: str) -> list[tuple[JsonValue, ...]]:
    return [
        (part["type"], part.get("toolName")) for part in parts if str(part["type"]).startswith(prefixes or ("tool-",))
    ]


async def test_each_turn_is_a_step_and_calls_have_their_results() -> None:
    parts = parts_of(play(await steps_of("tools")))
    assert [part["type"] for part in parts if not str(part["type"]).startswith(("text-", "reasoning-"))] == [
        "start",
        "start-step",
        "tool-input-available",
        "tool-input-available",
        "tool-output-available",
        "tool-output-available",
        "finish-step",
        "start-step",
        "finish-step",
        "finish",
    ]
    inputs = [part for part in parts if part["type"] == "tool-input-available"]
    assert [part["input"] for part in inputs] == [{"a": 2, "b": 3}, {"a": 1, "b": 1}]
    assert all(part["dynamic"] and part["providerExecuted"] for part in inputs)
    assert all(str(part["toolCallId"]).startswith("run--") for part in inputs)
    outputs = {part["toolCallId"]: part["output"] for part in parts if part["type"] == "tool-output-available"}
    assert [outputs[part["toolCallId"]] for part in inputs] == ["5", "2"], "whichever of the two ends first"
    thought = [part["delta"] for part in parts if part["type"] == "reasoning-delta"]
    assert "".join(map(str, thought)) == "I add.Easy."
    said = [part["delta"] for part in parts if part["type"] == "text-delta"]
    assert "".join(map(str, said)) == "Let me see.It is 5 \N{PILE OF POO}\u2028."


async def test_an_answer_that_goes_on_keeps_the_message_of_the_client_and_tells_what_came_of_its_calls() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel([call_tool("pay", amount=5), "Done."]), tools=[pay])
    first = agent.asteps("Hello", None, RunOptions())
    events = await first.to_end()
    waiting = WaitingSteps()
    for event in events:
        waiting.feed(event)
    (review,) = waiting.reviews
    assert first.journal is not None
    decisions = {review.id: ApprovalDecision.approve()}
    steps = [step async for step in agent.aresume_steps(first.journal, decisions, None, ResumeOptions())]
    opening = VercelOpening("answer", "run", continues=True)

    def resumed(place: int) -> bytes:
        followed = WaitingSteps()
        for event in events:
            followed.feed(event)
        projection = VercelStream(opening, ChatView(), followed)
        return projection.begin() + b"".join(map(projection.feed, steps[:place]))

    whole = resumed(len(steps))
    assert all(whole.startswith(resumed(place)) and parts_of(resumed(place)) for place in range(len(steps)))
    parts = parts_of(whole)
    assert parts[0] == {"type": "start"}
    assert (parts[1]["type"], parts[1]["output"]) == ("tool-output-available", "5")
    assert str(parts[1]["toolCallId"]).endswith(review.id)
    assert [part["type"] for part in parts[2:4]] == ["start-step", "text-start"]


async def test_a_run_that_is_cancelled_ends_with_an_abort() -> None:
    token = CancellationToken()
    agent = LightAgent(name="helper", model=ScriptedModel([call_tool("add", a=1, b=1)]), tools=[add])
    steps = list[Step]()
    async for step in agent.asteps("Hello", None, RunOptions(cancel=token)):
        steps.append(step)
        token.cancel("Enough.")
    assert [part["type"] for part in parts_of(play(steps))][-1] == "abort"
    assert play(steps).endswith(DONE)


async def test_what_a_model_thinks_is_left_out_where_the_setting_says_so() -> None:
    steps = await steps_of("tools")
    projection = VercelStream(OPENING, ChatView("reasoning", "none"), WaitingSteps())
    assert b"reasoning-" not in projection.begin() + b"".join(map(projection.feed, steps))
    assert b"\xe2\x86\x92 add" in play(steps, "reasoning")


async def test_hidden_calls_are_not_in_the_stream_but_for_those_that_wait() -> None:
    assert kinds(parts_of(play(await steps_of("tools"), "hidden"))) == []
    waits = parts_of(play(await steps_of("a call that waits"), "hidden"))
    assert kinds(waits) == [("tool-input-available", "pay"), ("tool-approval-request", None)]
    assert waits[-4]["input"] == {"amount": 5}
    nested = parts_of(play(await steps_of("a nested call that waits"), "hidden"))
    assert kinds(nested) == [("tool-input-available", "pay"), ("tool-approval-request", None)]


async def test_a_call_that_could_not_be_made_is_an_error() -> None:
    parts = parts_of(play(await steps_of("a call of no tool")))
    assert kinds(parts) == [("tool-input-available", "nothing"), ("tool-output-error", None)]


async def test_the_tokens_of_the_whole_run_are_metadata_of_the_message() -> None:
    (metadata,) = _objects([parts_of(play(await steps_of("tools")))[-1]["messageMetadata"]])
    (usage,) = _objects([metadata["usage"]])
    assert int(str(usage["inputTokens"])) > 9
    assert usage["totalTokens"] == int(str(usage["inputTokens"])) + int(str(usage["outputTokens"]))


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
