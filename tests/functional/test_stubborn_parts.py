"""Parts of anybody's that do not end when they are cancelled: a run whose time is over gives them up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from lightagent import BudgetExhausted, Delta, Gate, LightAgent, Passed, RunResult
from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.aiokits.abandon import abandoned_count
from lightagent.domain.conversation.messages import Message
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.phases import PHASES, PayloadT, Phase, Subject, Verdict
from lightagent.domain.runs.starts import HistoryReference
from lightagent.ports.context import Compactor, Conclusion, ContextSource, HistorySource, Replacement
from lightagent.ports.policy import HeldStream
from lightagent.ports.tools import ToolList, ToolSource
from tests.support.patience import eventually


class Stubborn:
    """Waits for its release, whatever is done to it."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.waits = False

    async def wait(self) -> None:
        self.waits = True
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue
        self.waits = False


class StubbornGate(Gate):
    policies = ("stubborn",)
    timeout = None

    def __init__(self, part: Stubborn, phase: Phase | None) -> None:
        self._part = part
        self._phase = phase

    @property
    def phases(self) -> frozenset[Phase]:
        return frozenset() if self._phase is None else frozenset({self._phase})

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        await self._part.wait()
        return Passed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return StubbornStream(self._part) if self._phase is None else None


class StubbornStream(HeldStream):
    def __init__(self, part: Stubborn) -> None:
        self._part = part

    def feed(self, delta: Delta) -> list[Delta]:
        return [delta]

    async def end(self) -> Passed[tuple[Delta, ...]]:
        await self._part.wait()
        return Passed(())


class StubbornSource(ContextSource):
    name = "stubborn"
    trust = "untrusted"
    timeout = None

    def __init__(self, part: Stubborn) -> None:
        self._part = part

    async def gather(self, subject: Subject, query: str) -> list[str]:
        await self._part.wait()
        return []


class StubbornCompactor(Compactor):
    name = "stubborn"

    def __init__(self, part: Stubborn) -> None:
        self._part = part

    def is_due(self, messages: Sequence[Message]) -> bool:
        return True

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        await self._part.wait()
        return None


class StubbornConclusion(Conclusion):
    name = "stubborn"

    def __init__(self, part: Stubborn, *, proposes: bool) -> None:
        self._part = part
        self._proposes = proposes

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        if not self._proposes:
            await self._part.wait()
        return {"remember": answer}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        await self._part.wait()


class StubbornTools(ToolSource[None]):
    name = "stubborn"
    version = 0

    def __init__(self, part: Stubborn) -> None:
        self._part = part

    async def tools(self) -> ToolList[None]:
        await self._part.wait()
        return ToolList({})

    async def aclose(self) -> None:
        """Nothing is open."""


class StubbornHistory(HistorySource):
    def __init__(self, part: Stubborn) -> None:
        self._part = part

    async def read(self, reference: HistoryReference) -> list[Message]:
        await self._part.wait()
        return []


def agents(parts: Mapping[str, Stubborn]) -> dict[str, LightAgent[None, str]]:
    """An agent for each part."""

    def agent(part: str) -> LightAgent[None, str]:
        model, stubborn = ScriptedModel(["done"]), parts[part]
        kind, _, detail = part.partition(" ")
        match kind:
            case "gate":
                phase = next((one for one in PHASES if one == detail), None)
                return LightAgent(model=model, gate=StubbornGate(stubborn, phase))
            case "source":
                return LightAgent(model=model, context_sources=[StubbornSource(stubborn)])
            case "compactor":
                return LightAgent(model=model, compactor=StubbornCompactor(stubborn))
            case "conclusion":
                return LightAgent(
                    model=model, conclusions=[StubbornConclusion(stubborn, proposes=detail == "carry_out")]
                )
            case "tools":
                return LightAgent(model=model, tools=[StubbornTools(stubborn)])
            case _:
                return LightAgent(model=model, history_source=StubbornHistory(stubborn))

    return {part: agent(part) for part in parts}


PARTS = (
    "gate admission",
    "gate model_request",
    "gate model_reply",
    "gate output",
    "gate end",
    "gate hold",
    "source",
    "compactor",
    "conclusion propose",
    "conclusion carry_out",
    "tools",
    "history",
)


@pytest.mark.timeout(60)
async def test_no_part_holds_a_run_whose_time_is_over() -> None:
    parts = {part: Stubborn() for part in PARTS}

    async def play(part: str, agent: LightAgent[None, str]) -> None:
        history = HistoryReference("stored", 1, 0) if part == "history" else ()
        result = await agent.arun("?", history=history, timeout=0.05, result_format="object")
        assert isinstance(result.outcome, BudgetExhausted), (part, result.outcome)
        assert parts[part].waits, f"The run waited for the end of {part}."

    before = abandoned_count()
    await asyncio.gather(*(play(part, agent) for part, agent in agents(parts).items()))
    assert abandoned_count() == before + len(PARTS)
    for part in parts.values():
        part.released.set()
    assert await eventually(lambda: abandoned_count() == before)


async def test_a_slow_history_counts_as_time_of_the_run() -> None:
    class Slow(HistorySource):
        async def read(self, reference: HistoryReference) -> list[Message]:
            await asyncio.Event().wait()
            return []

    agent = LightAgent(model=ScriptedModel(["done"]), history_source=Slow())
    result = await agent.arun("?", history=HistoryReference("stored", 1, 0), timeout=0.05, result_format="object")
    assert isinstance(result.outcome, BudgetExhausted)
    assert [event.type for event in result.journal.events] == ["run_started", "run_finished"]


async def cut_off(seconds: float, *, stream: bool) -> tuple[RunResult[str], bool]:
    """A run that is over while its tool runs, and whether the tool had begun."""
    loop, release, begun = asyncio.get_running_loop(), asyncio.Event(), list[int]()

    def act() -> str:
        """Acts at once the first time, and takes for ever the second time."""
        begun.append(1)
        if len(begun) > 1:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return "acted"

    agent = LightAgent(model=ScriptedModel([call_tool("act"), call_tool("act"), "done"]), tools=[act])
    if stream:
        steps = agent.astream("?", timeout=seconds, result_format="event")
        async for _ in steps:
            pass
        result = steps.result
    else:
        result = await agent.arun("?", timeout=seconds, result_format="object")
    release.set()
    return result, len(begun) > 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_synchronous_tool_that_is_cut_off_may_still_take_effect(stream: bool) -> None:
    result, begun = await cut_off(0.2, stream=stream)
    if not begun:  # The machine was too busy to begin it in time.
        result, begun = await cut_off(20, stream=stream)
    assert isinstance(result.outcome, BudgetExhausted)
    assert [call.status for call in result.tool_calls] == ["ok", "unknown"]
    assert "may still take effect" in str(result.tool_calls[1].output)
