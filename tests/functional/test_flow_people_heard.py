"""What people decide where they were asked is heard by whoever has the run: a process that goes on, or a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    FlowLimits,
    FlowWorker,
    HumanApprovalHook,
    InMemoryReviewStore,
    JournalStore,
    LightAgent,
    LightFlow,
    LightFlowResult,
    Proposal,
    ProposedStep,
    Reviews,
    WorkedRun,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow import hear_people
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.ports.models import ChatRequest
from lightagent.testing import ManualClock, ScriptedModel, call_tool
from tests.support.patience import PATIENCE, eventually


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear_people, "PAUSE", 0.01)


@tool
def send(text: str) -> str:
    """Send a text.

    Args:
        text: the text
    """
    return f"sent {text}"


guarded = tool(requires_approval=True)(send)


def model() -> ScriptedModel:
    def answer(request: ChatRequest) -> str | ToolCall:
        last = request.messages[-1]
        return "sent it" if isinstance(last, ToolMessage) else call_tool("send", text="it")

    return ScriptedModel(answer)


class Beside:
    """A step that keeps a run at work until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def work(self, query: str) -> str:
        await self.go.wait()
        return "beside"

    @asynccontextmanager
    async def running(self, flow: LightFlow) -> AsyncIterator[asyncio.Task[LightFlowResult]]:
        """A run of the flow, which is at work beside the steps that wait."""
        task = asyncio.create_task(flow.arun("it", run_id="r"))
        try:
            yield task
        finally:
            self.go.set()
            await asyncio.wait((task,), timeout=PATIENCE)


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.005)


async def asked(reviews: Reviews, *, after: str = "") -> str:
    """The id of a request that waits, once there is one.

    Args:
        after: the id of one that is not meant.
    """
    found: list[str] = []

    async def waits() -> bool:
        found[:] = [one.request.request_id async for one in reviews.list() if one.request.request_id != after]
        return bool(found)

    await until(waits)
    return found[0]


async def told(flow: LightFlow, word: str) -> None:
    """Wait until the record of the run has a word about its steps."""

    async def tells() -> bool:
        record = await flow.aget_run("r")
        return record is not None and word in str(record["steps"])

    await until(tells)


async def test_a_run_at_work_hears_what_is_decided_in_the_review_service() -> None:
    store, beside, sent = MemoryJournalStore(), Beside(), list[str]()
    flow = (
        LightFlow(store=store)
        .step("other", agent=beside.work)
        .step("send", agent=lambda query: sent.append(query), requires_approval=True)
    )
    reviews = Reviews(store)
    async with beside.running(flow) as running:
        request_id = await asked(reviews)
        await reviews.decide(request_id, ApprovalDecision.edit({"query": "less"}, actor="carol"))
        assert await eventually(lambda: sent)
        assert not running.done()
    assert (await running).status == "success"
    assert sent == ["less"]
    assert (await reviews.show(request_id)).status == "used"


async def test_a_run_at_work_hears_what_is_decided_within_a_flow_that_is_a_step() -> None:
    store, beside, sent = MemoryJournalStore(), Beside(), list[str]()
    inner = LightFlow(name="inner").step("send", agent=lambda query: sent.append(query), requires_approval=True)
    between = LightFlow(name="between").step("inner", agent=inner, repeatable=False)
    flow = LightFlow(store=store).step("other", agent=beside.work).step("outer", agent=between, repeatable=False)
    reviews = Reviews(store)
    async with beside.running(flow) as running:
        await reviews.decide(await asked(reviews), ApprovalDecision.approve(actor="carol"))
        assert await eventually(lambda: sent)
        assert not running.done()
    assert (await running).status == "success"


async def test_a_run_at_work_hears_what_is_decided_in_the_store_of_an_agents_hook() -> None:
    store, beside, kept = MemoryJournalStore(), Beside(), InMemoryReviewStore()
    agent = LightAgent(
        name="sender", model=model(), tools=[guarded], hooks=[HumanApprovalHook(store=kept, tools=["send"])]
    )
    flow = LightFlow(store=store).step("other", agent=beside.work).step("send", agent=agent, repeatable=False)
    async with beside.running(flow) as running:
        await kept.reviews.decide(await asked(kept.reviews), ApprovalDecision.approve(actor="carol"))
        await told(flow, "sent it")
        assert not running.done()
    result = await running
    assert (result.status, result.step("send").content) == ("success", "sent it")
    assert result.step("send").attempts == 1


async def test_what_must_not_be_done_twice_goes_on_with_a_decision_at_work_and_elsewhere() -> None:
    store, beside = MemoryJournalStore(), Beside()
    agent = LightAgent(name="sender", model=model(), tools=[guarded])

    def declared() -> LightFlow:
        flow = LightFlow(store=store).step("other", agent=beside.work)
        return flow.step("send", agent=agent, repeatable=False)

    async with beside.running(declared()) as running:
        await told(declared(), "send")
        await until(lambda: declared().awaiting_steps("r"))
        await declared().aapprove("r", "send")
    result = await running
    assert (result.status, result.step("send").content) == ("success", "sent it")
    beside.go.set()
    assert (await declared().arun("it", run_id="left")).status == "waiting_approval"
    await declared().aapprove("left", "send")
    result = await declared().aresume("left")
    assert (result.status, result.step("send").content, result.step("send").attempts) == ("success", "sent it", 1)


async def test_a_run_at_work_fails_a_step_about_which_nobody_decides_in_time() -> None:
    store, beside, clock = MemoryJournalStore(), Beside(), ManualClock()
    flow = (
        LightFlow(store=store, clock=clock)
        .step("other", agent=beside.work)
        .step("send", agent=lambda query: query, requires_approval=True, approval_timeout=60.0, escalate_to=["boss"])
        .step("tell", agent=lambda query: query, depends_on=["send"])
    )
    reviews = Reviews(store, clock.now)
    async with beside.running(flow) as running:
        first = await asked(reviews)
        clock.advance(61.0)
        second = await asked(reviews, after=first)
        assert (await reviews.show(second)).request.approvers == ("boss",)
        assert not running.done()
        clock.advance(61.0)
        await told(flow, "'failed'")
        assert not running.done()
    result = await running
    assert [step.status for step in result.steps] == ["success", "failed", "skipped"]
    failed = result.step("send").error
    assert failed is not None
    assert "has passed" in failed.message


async def test_a_flow_within_applies_the_time_of_its_steps_as_well() -> None:
    store, beside, clock = MemoryJournalStore(), Beside(), ManualClock()
    inner = LightFlow(name="inner").step("send", agent=str.upper, requires_approval=True, approval_timeout=60.0)
    flow = LightFlow(store=store, clock=clock).step("other", agent=beside.work).step("outer", agent=inner)
    async with beside.running(flow) as running:
        await asked(Reviews(store, clock.now))
        clock.advance(61.0)
        await told(flow, "'failed'")
        assert not running.done()
    assert (await running).step("outer").status == "failed"


async def test_a_decision_that_cannot_be_fails_its_step_and_not_the_run() -> None:
    store = MemoryJournalStore()

    def plan(query: str) -> Proposal:
        return Proposal([ProposedStep("a", "look", "a")], "one")

    flow = (
        LightFlow(store=store, limits=FlowLimits(max_added=1))
        .offer("look", agent=lambda query: query)
        .step("one", agent=plan, accept_steps="person")
        .step("two", agent=plan, accept_steps="person")
    )
    assert (await flow.arun("it", run_id="r")).status == "waiting_approval"
    reviews = Reviews(store)
    for _ in range(2):
        async for review in reviews.list():
            await reviews.decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    result = await flow.aresume("r")
    assert sorted(step.status for step in result.steps) == ["failed", "success"]
    failed = next(step for step in result.steps if step.status == "failed")
    assert failed.error is not None
    assert "1 steps, and 0 may be added to this run yet" in failed.error.message


def letters(store: JournalStore, clock: ManualClock) -> LightFlow:
    return LightFlow(name="letters", store=store, clock=clock).step(
        "send", agent=lambda query: f"sent {query}", requires_approval=True, approval_timeout=60.0
    )


async def test_a_worker_goes_on_with_what_was_decided_in_the_review_service() -> None:
    store, clock, seen = MemoryJournalStore(), ManualClock(), list[WorkedRun]()
    await letters(store, clock).arun("it", run_id="r")
    worker = FlowWorker(letters(store, clock), on_run=seen.append)
    await worker.arun(once=True)
    assert seen == []
    reviews = Reviews(store, clock.now)
    await reviews.decide(await asked(reviews), ApprovalDecision.approve(actor="carol"))
    await worker.arun(once=True)
    assert [(one.run_id, one.status) for one in seen] == [("r", "success")]


async def test_a_worker_applies_the_time_of_a_request() -> None:
    store, clock, seen = MemoryJournalStore(), ManualClock(), list[WorkedRun]()
    await letters(store, clock).arun("it", run_id="r")
    worker = FlowWorker(letters(store, clock), on_run=seen.append)
    clock.advance(59.0)
    await worker.arun(once=True)
    assert seen == []
    clock.advance(2.0)
    await worker.arun(once=True)
    assert [(one.run_id, one.status) for one in seen] == [("r", "failed")]


async def test_a_worker_hears_of_agents_calls_and_of_other_stores_of_reviews() -> None:
    store, kept, seen = MemoryJournalStore(), InMemoryReviewStore(), list[WorkedRun]()
    agent = LightAgent(
        name="sender", model=model(), tools=[guarded], hooks=[HumanApprovalHook(store=kept, tools=["send"])]
    )
    inner = LightFlow(name="inner").step("call", agent=agent)
    flow = (
        LightFlow(name="letters", store=store, hooks=[HumanApprovalHook(store=kept)])
        .step("send", agent=str.upper, requires_approval=True)
        .step("outer", agent=inner, depends_on=["send"])
    )
    await flow.arun("it", run_id="r")
    worker = FlowWorker(flow, on_run=seen.append)
    for expected in ("waiting_approval", "success"):
        await worker.arun(once=True)
        await kept.reviews.decide(await asked(kept.reviews), ApprovalDecision.approve(actor="carol"))
        await worker.arun(once=True)
        assert [one.status for one in seen][-1] == expected
    assert len(seen) == 2


async def test_what_was_decided_in_time_counts_however_late_the_run_goes_on() -> None:
    store, clock = MemoryJournalStore(), ManualClock()
    await letters(store, clock).arun("it", run_id="r")
    reviews = Reviews(store, clock.now)
    request_id = await asked(reviews)
    await reviews.decide(request_id, ApprovalDecision.approve(actor="carol"))
    clock.advance(3600.0)
    with pytest.raises(AlreadyDecided, match="carol"):
        await letters(store, clock).aapprove("r", "send", ApprovalDecision.reject("too late", actor="dave"))
    with pytest.raises(AlreadyDecided, match="decided before"):
        await reviews.decide(request_id, ApprovalDecision.reject("too late", actor="dave"))
    assert (await letters(store, clock).aresume("r")).content == "sent it"


async def test_a_run_that_may_go_on_and_that_nobody_has_taken_up_is_pending() -> None:
    store = MemoryJournalStore()

    async def status(run_id: str) -> object:
        record = await flow.aget_run(run_id)
        return None if record is None else record["status"]

    agent = LightAgent(name="sender", model=model(), tools=[guarded])
    inner = LightFlow(name="inner").step("call", agent=agent)
    flow = (
        LightFlow(store=store)
        .step("ask", agent=str.upper, requires_approval=True)
        .wait_for("payment", "paid")
        .step("outer", agent=inner)
    )
    assert (await flow.arun("it", run_id="r")).status == "waiting_approval"
    assert await status("r") == "waiting_approval"
    await flow.aapprove("r", "outer/call")
    assert await status("r") == "pending"
    await flow.aresume("r")
    await flow.asignal("r", "paid")
    assert await status("r") == "pending"
    await flow.aapprove("r", "ask")
    assert await status("r") == "pending"
    assert (await flow.aresume("r")).status == "success"
