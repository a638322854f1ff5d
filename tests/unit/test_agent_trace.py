"""Traces: what is in them, what is not, and what they amount to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from lightagent import (
    ERROR_TAXONOMY,
    ApprovalDecision,
    ChatModel,
    ChatRequest,
    Delta,
    JsonObject,
    LightAgent,
    Limits,
    ProviderError,
    RunContext,
    TextDelta,
    TraceEvent,
    Usage,
    summarize_trace,
    tool,
    trace_events,
)
from lightagent.domain.conversation.deltas import ModelReply, ReplyEnd
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.testing import ManualClock, ScriptedModel, call_tool

CLOCK = 1_700_000_000.0


def busy() -> ProviderError:
    error = ProviderError("busy", code="LA-429")
    error.retry_after = 0.0
    return error


@tool
async def double(ctx: RunContext[None], n: int) -> int:
    """Twice n."""
    ctx.report("half way")
    return 2 * n


@tool(requires_approval=True)
def pay(euros: int) -> str:
    """Pays."""
    return "paid"


def replied(message: AssistantMessage, given: int, made: int) -> ModelReply:
    usage = Usage(given, made, given + made, 2, 1)
    return ModelReply(message, ReplyEnd("tool_calls" if message.tool_calls else "stop", usage, "m-2", "resp"))


CALLS = AssistantMessage(None, (ToolCall("c1", "double", '{"n": 2}'), ToolCall("c2", "missing", "{}")))


def whole() -> list[TraceEvent]:
    """A run with a failed attempt, two calls (one refused) and an answer."""
    model = ScriptedModel([busy(), replied(CALLS, 10, 3), replied(AssistantMessage("It is 4."), 20, 4)])
    agent = LightAgent(model=model, name="Ada", tools=[double], clock=ManualClock(CLOCK))
    return agent.run("?", trace=True, user_id="u", trace_id="t", result_format="object").trace


class Silent(ChatModel):
    """Never answers."""

    @property
    def name(self) -> str:
        return "silent"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        await asyncio.sleep(60)
        yield TextDelta("never")

    async def aclose(self) -> None:
        """Nothing is open."""


def of(trace: list[TraceEvent], kind: str) -> list[JsonObject]:
    return [event["data"] for event in trace if event["type"] == kind]


def test_the_order_of_the_lines() -> None:
    assert [event["type"] for event in whole()] == [
        "run_start",
        "model_request",
        "error",
        "note",
        "model_response",
        "tool_call",
        "tool_result",
        "note",
        "tool_result",
        "model_request",
        "model_response",
        "run_end",
    ]


def test_every_line_says_whose_and_when() -> None:
    for event in whole():
        assert (event["trace_id"], event["timestamp"]) == ("t", CLOCK)
        assert set(event) == {"type", "data", "trace_id", "timestamp"}


def test_run_start() -> None:
    (data,) = of(whole(), "run_start")
    run_id = data.pop("run_id")
    assert isinstance(run_id, str)
    assert data == {
        "agent_name": "Ada",
        "tenant": "",
        "user_id": "u",
        "model": "scripted",
        "policies": [],
        "untrusted": [],
    }


def test_model_requests() -> None:
    first, second = of(whole(), "model_request")
    assert set(first) == {"agent_name", "model", "stream", "message_count", "tools", "latency", "usage"}
    assert (first["model"], first["stream"], first["message_count"], first["tools"]) == (
        "scripted",
        False,
        2,
        ["double"],
    )
    assert (second["message_count"], second["latency"]) == (5, 0)
    usage = second["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"], usage["cached_input_tokens"]) == (20, 4, 2)


def test_model_responses() -> None:
    first, second = of(whole(), "model_response")
    assert (first["tool_calls"], first["finish_reason"], first["model"]) == (["double", "unknown"], "tool_calls", "m-2")
    assert (second["content_chars"], second["finish_reason"]) == (8, "stop")


def test_tools() -> None:
    trace = whole()
    assert of(trace, "tool_call") == [{"id": "c1", "name": "double", "untrusted": []}]
    refused, done = of(trace, "tool_result")
    assert (refused["name"], refused["status"], refused["code"]) == ("unknown", "refused", "LA-TOOL")
    assert (done["name"], done["status"], done["output_chars"]) == ("double", "ok", 1)
    assert of(trace, "note")[1:] == [{"kind": "tool_progress", "id": "c1", "name": "double"}]


def test_retries() -> None:
    note = of(whole(), "note")[0]
    assert note == {"kind": "retry", "attempt": 2, "of": 10, "code": "LA-429", "seconds": 0.0}


def test_a_name_that_the_model_made_up_is_content() -> None:
    model = ScriptedModel([replied(CALLS, 10, 3), replied(AssistantMessage("It is 4."), 20, 4)])
    agent = LightAgent(model=model, name="Ada", tools=[double], clock=ManualClock(CLOCK), capture_content=True)
    result = agent.run("?", trace=True, result_format="object")
    assert [data["tool_calls"] for data in of(result.trace, "model_response")] == [["double", "missing"], []]
    assert {data["name"] for data in of(result.trace, "tool_result")} == {"double", "missing"}
    plain = trace_events(result.journal.events)
    assert {data["name"] for data in of(plain, "tool_result")} == {"double", "unknown"}
    assert "missing" in result.journal.to_json()


def test_errors() -> None:
    assert of(whole(), "error") == [
        {
            "code": "LA-429",
            "guidance": ERROR_TAXONOMY["LA-429"].guidance,
            "retryable": True,
            "stage": "model",
            "attempt": 1,
        }
    ]


def test_run_end() -> None:
    (data,) = of(whole(), "run_end")
    assert data == {
        "success": True,
        "outcome": "completed",
        "duration_ms": 0,
        "model_request_count": 2,
        "tool_call_count": 1,
        "retry_count": 1,
        "usage": {
            "input_tokens": 30,
            "output_tokens": 7,
            "total_tokens": 37,
            "cached_input_tokens": 4,
            "cache_write_tokens": 0,
            "reasoning_tokens": 2,
        },
    }


def test_durations_are_those_of_the_clock() -> None:
    clock = ManualClock(CLOCK)

    @tool
    async def waits() -> str:
        """Lets time pass."""
        clock.advance(2.5)
        return ""

    agent = LightAgent(model=ScriptedModel([call_tool("waits"), "done"]), tools=[waits], clock=clock)
    trace = agent.run("?", trace=True, result_format="object").trace
    assert of(trace, "run_end")[0]["duration_ms"] == 2500
    assert of(trace, "tool_result")[0]["duration"] == 2.5


def test_a_failed_run_tells_its_error_and_counts_its_attempts() -> None:
    agent = LightAgent(model=ScriptedModel([busy(), busy(), busy()]), limits=Limits(max_retry=3))
    trace = agent.run("?", trace=True, result_format="object").trace
    assert [data["stage"] for data in of(trace, "error")] == ["model", "model", "model", "run"]
    (end,) = of(trace, "run_end")
    assert (end["success"], end["outcome"], end["retry_count"], end["model_request_count"]) == (False, "failed", 2, 1)
    summary = summarize_trace(trace)
    assert (summary.success, summary.retry_count, summary.error_count) == (False, 2, 4)


async def test_a_request_that_was_given_up_is_in_the_trace() -> None:
    agent = LightAgent(model=Silent(), limits=Limits(model_timeout=0.05))
    result = await agent.arun("?", trace=True, result_format="object")
    (request,) = of(result.trace, "model_request")
    assert request["usage"] is None
    assert isinstance(request["latency"], float)
    assert request["latency"] > 0.04
    assert summarize_trace(result.trace).model_request_count == of(result.trace, "run_end")[0]["model_request_count"]


def test_approvals() -> None:
    agent = LightAgent(model=ScriptedModel([call_tool("pay", euros=5), "done"]), tools=[pay])
    waiting = agent.run("?", trace=True, result_format="object")
    assert of(waiting.trace, "approval_required") == [{"id": "call_1_1", "name": "pay"}]
    assert of(waiting.trace, "run_end")[0]["outcome"] == "suspended"
    done = agent.resume(waiting.journal, ApprovalDecision.reject("no", actor="eve"), trace=True)
    assert of(done.trace, "approval_reject") == [{"id": "call_1_1", "name": "pay", "actor": "eve"}]
    assert of(done.trace, "run_end")[-1]["success"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_the_trace_says_how_the_run_was_watched(stream: bool) -> None:
    agent = LightAgent(model=ScriptedModel(["yes"]))
    _ = list(agent.run("?", trace=True, stream=True)) if stream else agent.run("?", trace=True)
    assert of(agent.export_trace(), "model_request")[0]["stream"] is stream


def test_tracing_changes_no_return_type() -> None:
    agent = LightAgent(model=ScriptedModel(["yes"] * 4))
    assert agent.run("?", trace=True) == "yes"
    assert agent.run("?", result_format="object").trace == []
    assert agent.run("?", result_format="dict")["trace"] == []


def test_a_summary_with_pricing() -> None:
    pricing = {"input_per_million": 2.0, "output_per_million": 10.0}
    summary = summarize_trace(whole(), pricing=pricing)
    assert summary.cost == pytest.approx((30 * 2 + 7 * 10) / 1_000_000)
    assert (summary.trace_id, summary.success, summary.duration_ms) == ("t", True, 0)
    assert (summary.model_request_count, summary.tool_call_count, summary.error_count) == (2, 1, 1)
    assert summary.usage == Usage(30, 7, 37, 4, 2)
    assert summary.event_counts["tool_result"] == 2
    assert json.loads(json.dumps(summary.to_dict()))["cost"] == summary.cost
    other = summarize_trace(whole(), usage={"prompt_tokens": 1_000_000, "completion_tokens": 0}, pricing=pricing)
    assert other.cost == pytest.approx(2.0)
    assert summarize_trace(whole()).cost is None
    assert summarize_trace([]).trace_id == ""
    agent = LightAgent(model=ScriptedModel(["yes"]))
    agent.run("?", trace=True)
    assert agent.summarize_trace(pricing).cost is not None


def test_a_providers_message_counts_as_content() -> None:
    for capture, seen in ((False, False), (True, True)):
        model = ScriptedModel([ProviderError("you asked for my-secret", code="LA-400")])
        agent = LightAgent(model=model, capture_content=capture)
        result = agent.run("q", result_format="object", trace=True)
        assert ("my-secret" in json.dumps(result.trace)) is seen
        assert result.error is not None
        assert "my-secret" in result.error.message
