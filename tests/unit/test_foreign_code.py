"""Whatever foreign code raises or returns is its own failure, and never looks like a cancelled run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import cast

import pytest

from lightagent import ConfigurationError, LightAgent, Limits
from lightagent.aiokits import sync_bridge
from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.domain.conversation.deltas import Delta, TextDelta
from lightagent.domain.conversation.messages import Message
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.outcomes import Blocked, Completed, Failed
from lightagent.domain.policy.phases import Passed, Phase, Stopped, Subject, Verdict
from lightagent.domain.runs.events import Event
from lightagent.ports.context import Conclusion, ContextSource, Replacement
from lightagent.ports.models import ChatRequest
from lightagent.ports.policy import Gate, HeldStream
from lightagent.ports.telemetry import TelemetrySink
from lightagent.testing import ScriptedModel, call_tool
from tests.support.policy_run import PayloadT

RAISED = [asyncio.CancelledError, GeneratorExit]


@dataclass
class Holds:
    """A gate whose held stream raises, or releases what is no delta of text."""

    raised: type[BaseException] | None
    phases: frozenset[Phase] = frozenset()
    policies: tuple[str, ...] = ("holds",)
    timeout: float | None = None

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return self

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        if self.raised is not None:
            raise self.raised
        return [TextDelta(cast("str", None))]

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        return Passed(())


@dataclass
class Sink:
    """Telemetry that fails at every event."""

    raised: type[BaseException]

    def watch(self, origin: Origin, known: Sequence[Event]) -> Sink:
        return self

    def see(self, event: Event) -> None:
        raise self.raised

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        raise self.raised


@dataclass
class Compacts:
    """A compactor that raises, or gives nonsense."""

    raised: type[BaseException] | None
    name: str = "mine"

    def is_due(self, messages: Sequence[Message]) -> bool:
        return True

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        if self.raised is not None:
            raise self.raised
        return cast("Replacement", "junk")


class Cancels(ScriptedModel):
    """A model whose own wait is cancelled."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        raise asyncio.CancelledError
        yield TextDelta("")


@pytest.mark.parametrize("raised", [*RAISED, None])
async def test_a_held_stream_fails_closed(raised: type[BaseException] | None) -> None:
    result = await LightAgent(model=ScriptedModel(["hi"]), gate=Holds(raised)).arun("q", result_format="object")
    assert isinstance(result.outcome, Blocked)
    assert result.outcome.error.code == "LA-POLICY"


@pytest.mark.parametrize("raised", RAISED)
async def test_a_sink_does_not_end_the_run(raised: type[BaseException]) -> None:
    result = await LightAgent(model=ScriptedModel(["hi"]), telemetry=[Sink(raised)]).arun("q", result_format="object")
    assert isinstance(result.outcome, Completed)


@pytest.mark.parametrize("raised", [*RAISED, None])
async def test_a_compactor_fails_the_run(raised: type[BaseException] | None) -> None:
    agent = LightAgent(model=ScriptedModel(["hi"]), compactor=Compacts(raised))
    result = await agent.arun("q", result_format="object")
    assert isinstance(result.outcome, Failed)
    if raised is None:
        assert result.outcome.error.code == "LA-CONFIG"
        assert "'mine'" in result.outcome.error.message


async def test_a_model_whose_wait_is_cancelled_has_failed() -> None:
    agent = LightAgent(model=Cancels([]), limits=Limits(max_retry=1))
    result = await agent.arun("q", result_format="object")
    assert isinstance(result.outcome, Failed)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_may_raise_generator_exit(stream: bool) -> None:
    def broken() -> str:
        """Break."""
        raise GeneratorExit

    agent = LightAgent(model=ScriptedModel([call_tool("broken"), "Done."]), tools=[broken])
    if stream:
        told = agent.run("q", stream=True, result_format="event")
        assert [event.data["status"] for event in told if event.type == "tool_result"] == ["failed"]
    else:
        assert agent.run("q", result_format="object").tool_calls[0].status == "failed"


def test_what_is_no_part_is_refused_at_once() -> None:
    model = ScriptedModel([])
    with pytest.raises(ConfigurationError, match="conclusions"):
        LightAgent(model=model, conclusions=[cast("Conclusion", None)])
    with pytest.raises(ConfigurationError, match="telemetry"):
        LightAgent(model=model, telemetry=[cast("TelemetrySink", None)])
    with pytest.raises(ConfigurationError, match="context_sources"):
        LightAgent(model=model, context_sources=[cast("ContextSource", None)])
    with pytest.raises(ConfigurationError, match="gate"):
        LightAgent(model=model, gate=cast("Gate", object()))


def test_who_stops_reading_at_a_call_has_no_effect() -> None:
    effects: list[str] = []

    async def pay() -> str:
        """Pay."""
        effects.append("paid")
        return "paid"

    agent = LightAgent(model=ScriptedModel([call_tool("pay"), "Done."]), tools=[pay])
    stream = agent.run("q", stream=True, result_format="event")
    assert next(stream).type == "tool_call"
    run_sync(asyncio.sleep(0.02))  # Time in which a stream that ran ahead would have paid.
    stream.close()
    assert effects == []


def test_the_next_item_is_made_when_it_is_asked_for() -> None:
    made: list[int] = []

    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(3):
            made.append(number)
            yield number

    for number in iterate_sync(numbers()):
        run_sync(asyncio.sleep(0.01))
        assert made[-1] == number


def test_a_finalizer_may_call_while_the_lock_is_held() -> None:
    async def answer() -> int:
        return 42

    assert sync_bridge._lock.acquire(timeout=10)
    try:
        work = answer()
        reentrant = sync_bridge._lock.acquire(blocking=False)
        assert reentrant  # else `run_sync` would wait for ever
        sync_bridge._lock.release()
        assert run_sync(work) == 42
    finally:
        sync_bridge._lock.release()
