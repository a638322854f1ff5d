"""Runs of flows that are left in the middle: by a caller, by a store that fails, by two who want the same run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import ConfigurationError, Delta, JournalStore, LightAgent, LightFlow, StepContext
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.aiokits.abandon import abandoned_count
from lightagent.application.flow import open_run
from lightagent.compose.flow import parts as compose_flow
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.errors import LeaseHeld, StoreError
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.support.failing_journals import FailingStore


class Steps:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def work(self, query: str, context: StepContext) -> str:
        self.done.append(context.idempotency_key)
        return query

    def flow(self, store: JournalStore) -> LightFlow:
        flow = LightFlow(store=store).step("a", agent=self.work, query="a")
        return flow.step("b", agent=self.work, query="b", depends_on=["a"])


@pytest.mark.parametrize("wrote", [False, True])
@pytest.mark.parametrize(("place", "done"), [(1, 0), (2, 0), (3, 1), (4, 2)])
async def test_a_store_that_fails_ends_the_run_and_what_is_on_record_goes_on(
    place: int, done: int, *, wrote: bool
) -> None:
    store, steps = FailingStore(place, wrote=wrote), Steps()
    with pytest.raises(StoreError):
        await steps.flow(store).arun("x", run_id="r")
    assert len(steps.done) == done, "nothing begins before its intent is acknowledged"
    if place == 1 and not wrote:
        assert (await steps.flow(store).arun("x", run_id="r")).success
        return
    result = await steps.flow(store).aresume("r")
    assert (result.status, [step.attempts for step in result.steps]) == ("success", [1, 1])
    expected = {1: 2, 2: 2, 3: 2, 4: 2} if wrote else {2: 2, 3: 3, 4: 3}
    assert len(steps.done) == expected[place], "what was acknowledged, or got in, is not done again"


async def test_a_caller_who_leaves_interrupts_the_run_which_can_be_resumed() -> None:
    store, began, ended = MemoryJournalStore(), asyncio.Event(), list[str]()

    async def slow(query: str) -> str:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")
        return "slow"

    async def quick(query: str) -> str:
        return "quick"

    running = asyncio.create_task(LightFlow(store=store).step("a", agent=slow).arun("x", run_id="r"))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["ended"], "nothing of it goes on"
    flow = LightFlow(store=store).step("a", agent=quick)
    record = await flow.aget_run("r")
    assert record is not None
    assert record["status"] == "interrupted"
    result = await flow.aresume("r")
    assert (result.content, result.steps[0].attempts) == ("quick", 1)


@pytest.mark.parametrize("by", ["caller", "cancel"])
async def test_an_agent_that_is_stopped_goes_on_where_it_was(by: str) -> None:
    store, asked, began, quick = MemoryJournalStore(), list[str](), asyncio.Event(), asyncio.Event()

    def look(word: str) -> str:
        """Look a word up."""
        asked.append("look")
        return word

    class Slow(ScriptedModel):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            if isinstance(request.messages[-1], ToolMessage) and not quick.is_set():
                began.set()
                await asyncio.sleep(60)
            async for delta in super().stream(request):
                yield delta

    def reply(request: ChatRequest) -> str | ToolCall:
        asked.append("model")
        return "Done." if isinstance(request.messages[-1], ToolMessage) else call_tool("look", word="x")

    flow = LightFlow(store=store).step("a", agent=LightAgent(name="a", model=Slow(reply), tools=[look]))
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    if by == "caller":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        await flow.acancel("r")
        assert (await running).status == "cancelled"
    assert abandoned_count() == 0, "nothing waits for what cannot be written any more"
    assert asked == ["model", "look"]
    quick.set()
    result = await flow.aresume("r")
    assert (result.content, asked, result.steps[0].attempts) == ("Done.", ["model", "look", "model"], 1)


async def test_a_run_that_nobody_has_is_cancelled_at_once() -> None:
    store, began, quick = MemoryJournalStore(), asyncio.Event(), asyncio.Event()

    async def work(query: str) -> str:
        began.set()
        if not quick.is_set():
            await asyncio.sleep(60)
        return "done"

    flow = LightFlow(store=store).step("a", agent=work).step("b", agent=work, requires_approval=True)
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await flow.acancel("r")
    record = await flow.aget_run("r")
    assert record is not None
    assert record["status"] == "cancelled"
    quick.set()
    await flow.aapprove("r", "b")
    assert [step.status for step in (await flow.aresume("r")).steps] == ["success", "success"]


async def test_one_at_a_time_goes_on_with_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_run, "_WAIT", 0.05)
    store, began, go = MemoryJournalStore(), asyncio.Event(), asyncio.Event()

    async def slow(query: str) -> str:
        began.set()
        await go.wait()
        return "done"

    flow = LightFlow(store=store).step("a", agent=slow)
    running = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    with pytest.raises(LeaseHeld):
        await flow.aresume("r")
    with pytest.raises(LeaseHeld):
        await flow.arerun_step("r", "a")
    go.set()
    assert (await running).content == "done"


async def test_a_run_goes_on_with_the_steps_as_they_are_declared_now() -> None:
    store = MemoryJournalStore()

    def fails(query: str) -> str:
        raise ValueError("no")

    first = LightFlow(store=store).step("a", agent=lambda query: "A").step("b", agent=fails, depends_on=["a"])
    assert (await first.arun("x", run_id="r")).status == "failed"
    other = LightFlow(store=store).step("z", agent=lambda query: "Z").step("b", agent=fails, depends_on=["z"])
    with pytest.raises(ConfigurationError, match="It is success, and the flow no longer has this step"):
        await other.aresume("r")
    mended = (
        LightFlow(store=store)
        .step("a", agent=lambda query: "never")
        .step("b", agent=lambda query: "B", depends_on=["a"], max_retry=3)
        .step("c", agent=lambda query: "C", depends_on=["b"])
    )
    result = await mended.aresume("r")
    assert [step.content for step in result.steps] == ["A", "B", "C"]
    assert (await mended.aresume("r")).success


async def test_a_flow_without_a_store_keeps_a_bounded_number_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose_flow, "MOST_KEPT", 3)
    flow = LightFlow().step("a", agent=lambda query: query)
    for number in range(5):
        assert (await flow.arun("x", run_id=str(number))).success
    assert [run["run_id"] for run in await flow.alist_runs()] == ["4", "3", "2"]
