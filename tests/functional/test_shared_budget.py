"""Many agents behind one counting policy: not one model call beyond it, and not one token unaccounted for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from lightagent import (
    BudgetExhausted,
    ChatModel,
    ChatRequest,
    Delta,
    Event,
    Gate,
    LightAgent,
    LightAgentErrorInfo,
    Limits,
    Origin,
    Passed,
    ProviderError,
    ReplyEnd,
    RunResult,
    RunWatch,
    Stopped,
    Subject,
    TelemetrySink,
    TextDelta,
    Usage,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.application.projections.usage import total_usage
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.origin import TraceHeaders
from lightagent.domain.policy.phases import PayloadT, Phase, ReplyPayload
from lightagent.domain.runs.events import ModelFailed, Nested, ToolFinished
from lightagent.ports.policy import HeldStream
from lightagent.testing.system import ManualClock


@dataclass
class SharedBudget(Gate):
    """So many model calls for all who share it; replies settle what they cost."""

    calls: int
    tokens: int = 0
    policies: tuple[str, ...] = ("shared-budget",)
    phases: frozenset[Phase] = frozenset({"model_request", "model_reply"})
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        if isinstance(payload, ReplyPayload):
            self.tokens += payload.usage.total_tokens if payload.usage else 0
        elif self.calls == 0:
            return Stopped(BudgetExhausted(LightAgentErrorInfo("LA-BUDGET", "The shared calls are used up.")))
        else:
            self.calls -= 1
        await asyncio.sleep(0)  # Where a real policy asks a store, others go on.
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


class FailedAttempts(TelemetrySink, RunWatch):
    """Settles what failed attempts cost, which no policy reviews."""

    def __init__(self, budget: SharedBudget) -> None:
        self._budget = budget

    def watch(self, origin: Origin, known: object) -> RunWatch:
        return self

    def see(self, event: Event) -> None:
        while isinstance(event, Nested):
            event = event.event
        if isinstance(event, ModelFailed) and event.usage is not None:
            self._budget.tokens += event.usage.total_tokens

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        return ()


class Counted(ChatModel):
    """Costs seven tokens an answer; every third attempt fails after it told what it cost, unless it is to be reliable.

    Attributes:
        calls: attempts so far.
    """

    name = "counted"

    def __init__(self, *, reliable: bool = True) -> None:
        self.calls = 0
        self._reliable = reliable

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(0)
        yield ReplyEnd(usage=Usage(5, 2, 7))
        if not self._reliable and number % 3 == 0:
            error = ProviderError("busy", code="LA-429")
            error.retry_after = 0.0
            raise error
        question = request.messages[-1]
        yield TextDelta(f"answer to {question.text if isinstance(question, UserMessage) else '?'}")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


def tokens(result: RunResult[str]) -> int:
    """What the journal of a run adds up to, its nested runs and failed attempts included."""
    assert result.usage == total_usage(result.journal.events)
    return result.usage.total_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_hundred_children_of_one_turn_share_fifty_model_calls(stream: bool) -> None:
    budget, model = SharedBudget(50), Counted()
    child = LightAgent(name="child", model=model)
    asking = ScriptedModel([[call_tool("child", query=str(number)) for number in range(100)], "never said"])
    parent = LightAgent(model=asking, tools=[child.as_tool("child", "Answers.")], gate=budget, clock=ManualClock())
    if stream:
        events = parent.astream("?", result_format="event")
        [done] = [event async for event in events if event.type == "done" and not event.path]
        result = events.result
        assert done.data["usage"] == result.usage.to_dict()
    else:
        result = await parent.arun("?", result_format="object")
    assert isinstance(result.outcome, BudgetExhausted)
    assert model.calls + len(asking.requests) == 50
    assert [call.status for call in result.tool_calls].count("ok") == 49
    finished = [event for event in result.journal.events if isinstance(event, ToolFinished)]
    assert [event.error.code for event in finished if event.error is not None] == ["LA-BUDGET"] * 51
    assert budget.tokens == tokens(result) > 49 * 7


async def test_a_hundred_runs_at_once_share_fifty_model_calls() -> None:
    budget, model = SharedBudget(50), Counted()
    agent = LightAgent(model=model, gate=budget)
    results = await asyncio.gather(*(agent.arun(str(number), result_format="object") for number in range(100)))
    assert model.calls == 50
    kinds = [result.outcome.kind for result in results]
    assert (kinds.count("completed"), kinds.count("budget_exhausted")) == (50, 50)
    assert budget.tokens == sum(map(tokens, results)) == 50 * 7


async def test_a_gate_that_parent_and_child_share_is_asked_once_a_request() -> None:
    budget, model = SharedBudget(10), Counted()
    child = LightAgent(name="child", model=model, gate=budget)
    parent = LightAgent(
        model=ScriptedModel([call_tool("child", query="?"), "done"]), tools=[child.as_tool("child", "c")], gate=budget
    )
    result = await parent.arun("?", result_format="object")
    assert result.content == "done"
    assert budget.calls == 10 - 3
    assert budget.tokens == tokens(result)


async def test_tokens_of_failed_attempts_are_settled_as_well() -> None:
    budget, model = SharedBudget(1000), Counted(reliable=False)
    child = LightAgent(name="child", model=model, limits=Limits(max_retry=100))
    parent = LightAgent(
        model=ScriptedModel([[call_tool("child", query=str(number)) for number in range(100)], "done"]),
        tools=[child.as_tool("child", "Answers.")],
        gate=budget,
        telemetry=[FailedAttempts(budget)],
    )
    result = await parent.arun("?", result_format="object")
    assert result.content == "done"
    assert model.calls > 100
    assert {call.status for call in result.tool_calls} == {"ok"}
    nested = [event.event for event in result.journal.events if isinstance(event, Nested)]
    assert sum(isinstance(event, ModelFailed) for event in nested) == model.calls - 100
    assert budget.tokens == tokens(result)
    assert total_usage(nested).total_tokens == model.calls * 7
