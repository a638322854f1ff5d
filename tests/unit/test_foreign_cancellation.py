"""A run is cancelled where its caller wants it to be; whatever else is cancelled is the failure of a part."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from lightagent import LightAgent, RunResult, tool
from lightagent.aiokits.cancellation import CancellationScope, cancellation, from_now_on, is_cancelled
from lightagent.domain.conversation.messages import Trust
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed
from lightagent.domain.policy.phases import Passed, Phase, Subject, Verdict
from lightagent.domain.runs.events import ContextAdded
from lightagent.ports.policy import HeldStream
from lightagent.testing import ScriptedModel, call_tool
from tests.support.policy_run import PayloadT

MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
WATCHDOG = 10.0


async def ask(agent: LightAgent[None, str], *, stream: bool, seconds: float | None = None) -> RunResult[str]:
    async with asyncio.timeout(WATCHDOG):
        if not stream:
            return await agent.arun("q", result_format="object", timeout=seconds)
        events = agent.astream("q", result_format="event", timeout=seconds)
        async for _ in events:
            pass
        return events.result


async def cancel_myself() -> None:
    """What a "stop" button does that knows no other way."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def stops() -> str:
    """Cancels the task it runs in."""
    await cancel_myself()
    return "never"


async def waits() -> str:
    """Waits for something that was cancelled."""
    raise asyncio.CancelledError


async def fine() -> str:
    """Works."""
    return "fine"


@dataclass
class Source:
    """A context source that cancels the task it runs in, or is fine."""

    stops: bool
    name: str = "source"
    trust: Trust = "untrusted"
    timeout: float | None = None

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        if self.stops:
            await cancel_myself()
        return ["a text"]


@dataclass
class Gate:
    """Raises a `CancelledError`, or cancels the task it runs in."""

    phases: frozenset[Phase]
    stops: bool = False
    policies: tuple[str, ...] = ("gate",)
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        if self.stops:
            await cancel_myself()
            return Passed(payload)
        raise asyncio.CancelledError

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


@MODES
async def test_a_tool_that_cancels_its_own_task_has_failed(stream: bool) -> None:
    model = ScriptedModel([[call_tool("stops"), call_tool("fine")], call_tool("stops"), "Done."])
    result = await ask(LightAgent(model=model, tools=[stops, fine]), stream=stream)
    assert isinstance(result.outcome, Completed)
    assert [call.status for call in result.tool_calls] == ["failed", "ok", "failed"]
    assert result.tool_calls[0].output == "[LA-TOOL] stops failed: something it waited for was cancelled."


@MODES
async def test_a_nested_run_whose_part_cancels_its_task_is_a_failed_call(stream: bool) -> None:
    inner = LightAgent(name="inner", model=ScriptedModel(["x"]), gate=Gate(frozenset({"output"}), stops=True))
    model = ScriptedModel([call_tool("inner", query="q"), "Done."])
    result = await ask(LightAgent(model=model, tools=[inner.as_tool("inner", "An agent.")]), stream=stream)
    assert isinstance(result.outcome, Completed)
    assert [call.status for call in result.tool_calls] == ["failed"]


@MODES
async def test_a_context_source_that_cancels_its_own_task_has_failed(stream: bool) -> None:
    sources = [Source(stops=True, name="bad"), Source(stops=False, name="good")]
    agent = LightAgent(model=ScriptedModel(["Done."]), context_sources=sources)
    result = await ask(agent, stream=stream)
    assert isinstance(result.outcome, Completed)
    added = {event.source: event for event in result.journal.events if isinstance(event, ContextAdded)}
    assert added["bad"].error is not None
    assert (added["good"].error, len(added["good"].messages)) == (None, 1)


@MODES
async def test_a_gate_that_cancels_the_task_of_a_call_blocks(stream: bool) -> None:
    agent = LightAgent(
        model=ScriptedModel([call_tool("fine"), "never"]),
        tools=[fine],
        gate=Gate(frozenset({"tool_result"}), stops=True),
    )
    result = await ask(agent, stream=stream)
    assert isinstance(result.outcome, Blocked)
    assert [call.status for call in result.tool_calls] == ["withheld"]


@MODES
@pytest.mark.parametrize("phase", ["admission", "model_request", "tool_call", "tool_result", "output"])
async def test_in_a_task_that_once_swallowed_a_cancellation_a_gate_still_fails_closed(
    phase: Phase, stream: bool
) -> None:
    agent = LightAgent(model=ScriptedModel([call_tool("fine"), "Done."]), tools=[fine], gate=Gate(frozenset({phase})))

    async def swallows_one() -> RunResult[str]:
        with suppress(asyncio.CancelledError):
            await cancel_myself()
        return await ask(agent, stream=stream)

    result = await asyncio.create_task(swallows_one())
    assert isinstance(result.outcome, Blocked)


@MODES
async def test_in_a_task_that_once_swallowed_a_cancellation_a_run_can_be_cancelled(stream: bool) -> None:
    begun = asyncio.Event()

    @tool
    async def sleeps() -> str:
        """Waits for ever."""
        begun.set()
        await asyncio.Event().wait()
        return "never"

    agent = LightAgent(model=ScriptedModel([call_tool("sleeps")]), tools=[sleeps])
    seen: list[object] = []

    async def swallows_one() -> None:
        with suppress(asyncio.CancelledError):
            await cancel_myself()
        try:
            await ask(agent, stream=stream)
        finally:
            journal = agent.export_journal()
            seen.append(None if journal is None else journal.run.outcome)

    task = asyncio.create_task(swallows_one())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [Cancelled()]


async def test_a_run_that_is_cancelled_before_it_begins_does_nothing() -> None:
    model = ScriptedModel(["never"])

    async def cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await LightAgent(model=model).arun("q")

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(cancelled())
    assert model.requests == ()


@MODES
@pytest.mark.parametrize("name", ["tool", "source", "nested"])
async def test_a_deadline_still_ends_what_runs_in_a_task_of_its_own(name: str, stream: bool) -> None:
    @tool
    async def sleeps() -> str:
        """Waits for ever."""
        await asyncio.Event().wait()
        return "never"

    @dataclass
    class Sleeps(Source):
        async def gather(self, subject: Subject, query: str) -> Sequence[str]:
            await asyncio.Event().wait()
            return []

    inner = LightAgent(name="inner", model=ScriptedModel([call_tool("sleeps"), "never"]), tools=[sleeps])
    model = ScriptedModel([call_tool("inner", query="q") if name == "nested" else call_tool("sleeps"), "never"])
    agent = LightAgent(
        model=model,
        tools=[sleeps, inner.as_tool("inner", "An agent.")],
        context_sources=[Sleeps(stops=False)] if name == "source" else [],
    )
    result = await ask(agent, stream=stream, seconds=0.05)
    assert isinstance(result.outcome, BudgetExhausted)


async def test_a_run_within_a_tool_is_cancelled_by_the_tools_own_deadline() -> None:
    """The task was made for the tool, but to the run that the tool makes it is a caller's like any other."""
    outcomes: list[object] = []

    @tool
    async def asks() -> str:
        """Asks another agent, and does not wait for ever."""
        other = LightAgent(model=ScriptedModel([call_tool("sleeps")]), tools=[sleeps], gate=None)
        try:
            async with asyncio.timeout(0.05):
                return await other.arun("q")
        except TimeoutError:
            journal = other.export_journal()
            outcomes.append(None if journal is None else journal.run.outcome)
            return "too slow"

    async def sleeps() -> str:
        """Waits for ever."""
        await asyncio.Event().wait()
        return "never"

    result = await ask(LightAgent(model=ScriptedModel([call_tool("asks"), "Done."]), tools=[asks]), stream=False)
    assert [call.output for call in result.tool_calls] == ["too slow"]
    assert outcomes == [Cancelled()]


async def test_what_is_heeded_holds_for_one_task_and_ends_with_the_block() -> None:
    answer = False
    with CancellationScope(lambda: answer):
        asked = cancellation()
        assert not is_cancelled()
        answer = True
        assert is_cancelled()
        assert asked()

        async def elsewhere() -> tuple[bool, bool]:
            return is_cancelled(), asked()

        assert await asyncio.create_task(elsewhere()) == (False, True)
        with CancellationScope(await from_now_on()):
            assert not is_cancelled()
        assert is_cancelled()
    assert not is_cancelled()


def test_outside_of_an_event_loop_nothing_is_cancelled() -> None:
    assert not is_cancelled()
