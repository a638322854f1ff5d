"""What bounds a run bounds the runs of the agents that it calls: cancellation, time and policies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import (
    ApprovalDecision,
    ChatModel,
    ChatRequest,
    ConfigurationError,
    Delta,
    Gate,
    Journal,
    LightAgent,
    Limits,
    Passed,
    ReplyEnd,
    Suspended,
    TextDelta,
    Usage,
    tool,
)
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.aiokits.abandon import abandoned_count
from lightagent.domain.policy.phases import PayloadT, Phase, Subject
from lightagent.domain.runs.events import ModelFailed, RunFinished, ToolFinished
from lightagent.ports.policy import HeldStream
from tests.support.loop_clock import jumping
from tests.support.nested_runs import (
    Done,
    build_team,
    pay,
    plan,
    unwrapped,
)

SHORT = 1.0
"""Seconds that a nested run may take."""


class Unending(ChatModel):
    """Tells a part of an answer and its usage so far, and then waits for ever."""

    name = "unending"

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        yield TextDelta("so far")
        yield ReplyEnd(usage=Usage(5, 2, 7))
        self.waits.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Nothing is open."""


def nested_in_two(model: ChatModel, timeout: float | None = None) -> LightAgent[None, str]:
    inner = LightAgent(name="inner", model=model)
    middle = LightAgent(
        name="middle", model=ScriptedModel([call_tool("inner", query="?")]), tools=[inner.as_tool("inner", "i")]
    )
    return LightAgent(
        model=ScriptedModel([call_tool("middle", query="?"), "went on"]),
        tools=[middle.as_tool("middle", "m")],
        limits=Limits(timeout=timeout),
    )


async def test_cancelling_a_run_reaches_its_nested_runs_and_leaves_no_task() -> None:
    model = Unending()
    agent = nested_in_two(model)
    before = asyncio.all_tasks()
    stream = agent.aevents("?")

    async def read() -> None:
        async for _ in stream:
            pass

    task = asyncio.create_task(read())
    await model.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stream.aclose()
    assert asyncio.all_tasks() == before
    journal = stream.result.journal
    ends = [(path, event) for path, event in unwrapped(journal.events) if isinstance(event, (ModelFailed, RunFinished))]
    assert [path for path, _ in ends] == ["call_1_1/call_1_1", "call_1_1/call_1_1", "call_1_1", ""]
    failed = ends[0][1]
    assert isinstance(failed, ModelFailed)
    assert (failed.partial, failed.usage) == ("so far", Usage(5, 2, 7))
    assert {event.outcome.kind for _, event in ends[1:] if isinstance(event, RunFinished)} == {"cancelled"}
    assert Journal.from_json(journal.to_json()) == journal
    assert stream.result.usage.total_tokens >= 7


@jumping
async def test_the_timeout_of_a_run_reaches_its_nested_runs() -> None:
    model = Unending()
    result = await nested_in_two(model, timeout=0.2).arun("?", result_format="object")
    assert model.waits.is_set()
    assert result.outcome.kind == "budget_exhausted"
    last = [(path, event.type) for path, event in unwrapped(result.journal.events)][-4:]
    assert last == [
        ("call_1_1/call_1_1", "model_failed"),
        ("call_1_1/call_1_1", "run_finished"),
        ("call_1_1", "run_finished"),
        ("", "run_finished"),
    ]


@jumping
async def test_a_nested_run_whose_tool_will_not_end_still_tells_its_last_words() -> None:
    release = asyncio.Event()

    @tool
    async def stubborn() -> str:
        """Swallows its cancellation."""
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    inner = LightAgent(name="inner", model=ScriptedModel([call_tool("stubborn")]), tools=[stubborn])
    agent = LightAgent(
        model=ScriptedModel([call_tool("inner", query="?"), "went on"]),
        tools=[inner.as_tool("inner", "i", timeout=0.05)],
    )
    result = await agent.arun("?", result_format="object")
    assert result.content == "went on"
    told = [event for path, event in unwrapped(result.journal.events) if path]
    assert isinstance(told[-1], RunFinished)
    assert [event.status for event in told if isinstance(event, ToolFinished)] == ["unknown"]
    assert abandoned_count() == 1
    release.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert abandoned_count() == 0


class Watchful(Gate):
    """A policy that reviews nothing, but has a name."""

    policies = ("watchful",)
    phases: frozenset[Phase] = frozenset()
    timeout = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Passed[PayloadT]:
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


@jumping
async def test_the_time_that_a_reader_takes_does_not_count_against_the_timeout_of_a_nested_run() -> None:
    inner = LightAgent(model=ScriptedModel(["one two three four five six seven eight"]))
    outer = LightAgent(
        model=ScriptedModel([call_tool("inner", query="?"), "done"]),
        tools=[inner.as_tool("inner", "i", timeout=SHORT)],
    )
    steps, read = outer.astream("?", result_format="event"), 0
    async for _ in steps:
        read += 1
        if read % 3 == 0:
            await asyncio.sleep(0.6 * SHORT)
    assert [(call.status, call.output) for call in steps.result.tool_calls] == [
        ("ok", "one two three four five six seven eight")
    ]


@jumping
async def test_a_nested_run_that_takes_longer_than_its_timeout_is_a_failed_call() -> None:
    model = Unending()
    inner = LightAgent(model=model)
    outer = LightAgent(
        model=ScriptedModel([call_tool("inner", query="?"), "done"]),
        tools=[inner.as_tool("inner", "i", timeout=0.05)],
    )
    result = await outer.arun("?", result_format="object")
    assert result.success
    assert [call.status for call in result.tool_calls] == ["failed"]
    assert "took longer than 0.05 s and was cancelled" in str(result.tool_calls[0].output)


async def test_a_nested_run_is_not_resumed_without_the_policies_it_was_begun_with() -> None:
    def team(gate: Gate | None) -> LightAgent[Done, str]:
        clerk = build_team(Done(), gate=gate)
        return LightAgent(
            deps_type=Done,
            model=ScriptedModel([call_tool("clerk", query=plan([pay("c1")])), "done"]),
            tools=[clerk.as_tool("clerk", "c")],
        )

    journal = (await team(Watchful()).arun("?", deps=Done(), result_format="object")).journal
    assert isinstance(journal.run.outcome, Suspended)
    done = Done()
    with pytest.raises(ConfigurationError, match="watchful"):
        await team(None).aresume(journal, ApprovalDecision.approve(), deps=done)
    assert done == Done()
    assert (await team(Watchful()).aresume(journal, ApprovalDecision.approve(), deps=done)).success is False
