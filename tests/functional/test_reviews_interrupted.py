"""Each later part of a run that goes on with a decision fails once; the call is made once, or a human is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequest,
    ChatRequest,
    HumanApprovalHook,
    Journal,
    LightAgent,
    LightAgentError,
    ReviewStore,
    Runs,
    Sessions,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.aiokits.deadline import Deadline
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall, ToolMessage
from lightagent.domain.errors import ProviderError, StoreError
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.ports.journals import JournalStore
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck
from tests.support.wrapped_journals import WrappedStore

WRITES = ("review_taken", "review_used", "approval_decided", "tool_started", "tool_finished", "run_finished")
"""The entries whose writing fails once; those of the run are written only where it is kept."""


@dataclass
class Trouble:
    """What fails once."""

    part: str = ""
    paid: list[int] = field(default_factory=list)

    def strikes(self, part: str) -> bool:
        """Whether it is this that fails now."""
        if self.part != part:
            return False
        self.part = ""
        return True


class FailingStore(WrappedStore):
    """A store that does not take the entry of the trouble's part."""

    def __init__(self, inner: JournalStore, trouble: Trouble) -> None:
        super().__init__(inner)
        self._trouble = trouble

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        part = self._trouble.part
        if part and any(f'"type":"{part}"' in draft.content for draft in drafts) and self._trouble.strikes(part):
            raise StoreError("the disk is full")
        return await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )


def build(
    store: JournalStore,
    trouble: Trouble,
    *,
    reviewer: Callable[[ApprovalRequest], object] | None = None,
    webhook: Callable[[ApprovalRequest], object] | None = None,
) -> LightAgent[None, str]:
    def pay(amount: int) -> str:
        """Pay."""
        trouble.paid.append(amount)
        if trouble.strikes("tool"):
            raise RuntimeError("the bank is closed")
        return f"paid {amount}"

    def reply(request: ChatRequest) -> str | ToolCall:
        if not isinstance(request.messages[-1], ToolMessage):
            return call_tool("pay", amount=5)
        if trouble.strikes("model"):
            raise ProviderError("not today", code="LA-400")
        return "Done."

    desk = HumanApprovalHook(store=ReviewStore(store), tools={"pay"}, reviewer=reviewer, webhook=webhook)
    model = ScriptedModel(reply)
    return LightAgent(name="payer", model=model, tools=[pay], hooks=[desk], session_store=store)


async def find(kept: str, run_id: str, journal: Journal, store: JournalStore) -> Journal | str | None:
    """The journal as the next process finds it."""
    if kept == "run":
        return await Runs(store).journal(run_id)
    return await Sessions(store).journal("s") if kept == "session" else journal.to_json()


@pytest.mark.parametrize("kept", ["json", "run", "session"])
@pytest.mark.parametrize("part", [*WRITES, "tool", "model"])
async def test_a_part_that_fails_once_makes_no_second_effect(part: str, kept: str) -> None:
    trouble = Trouble()
    store = FailingStore(MemoryJournalStore(), trouble)
    agent = build(store, trouble)
    waiting = await agent.arun(
        "Pay.",
        result_format="object",
        journal=store if kept == "run" else None,
        session_id="s" if kept == "session" else None,
    )
    [review] = [review async for review in agent.means.desks[0].reviews.list()]
    await agent.means.desks[0].reviews.decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    trouble.part = part
    for _ in range(3):
        found = await find(kept, waiting.run_id, waiting.journal, store)
        if found is None or (isinstance(found, Journal) and found.run.outcome not in (None, waiting.outcome)):
            break  # It has ended, and the store says how.
        try:
            await agent.aresume(found, store=store if kept == "run" else None)
        except LightAgentError:
            continue  # What failed, or that the decision was used; the next process tries again.
    assert trouble.part == "" or (kept == "json" and part not in ("review_taken", "review_used", "tool", "model"))
    happened = 0 if trouble.paid == [] else 1
    assert trouble.paid == [5] * happened
    assert happened or kept != "json"
    if not happened:  # The decision or the intent could not be kept, so the run has ended, or reports that call.
        assert part in ("approval_decided", "tool_started")


class SlowStore(WrappedStore):
    """A store that lets others run before and after each call."""

    async def before(self, *, writes: bool) -> None:
        await asyncio.sleep(0)

    async def after(self, *, writes: bool) -> None:
        await asyncio.sleep(0)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "as JSON"])
async def test_whoever_gives_up_at_any_moment_leaves_no_second_effect_and_no_lease(
    leaks: LeakCheck, kept: bool
) -> None:
    ends = Counter[str]()
    for moment in range(45):
        trouble = Trouble()
        store = SlowStore(MemoryJournalStore())
        agent = build(store, trouble)
        waiting = await agent.arun("Pay.", result_format="object", journal=store if kept else None)
        reviews = agent.means.desks[0].reviews
        [review] = [review async for review in reviews.list()]
        await reviews.decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
        task = asyncio.create_task(agent.aresume(waiting.journal.to_json(), store=store if kept else None))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        after = (await reviews.show(review.request.request_id)).status
        found = await Runs(store).journal(waiting.run_id) if kept else waiting.journal
        assert found is not None
        if after == "used" or found.run.outcome != waiting.outcome:
            ends["over"] += 1
            continue
        result = await agent.aresume(found.to_json(), store=store if kept else None)
        ends[f"{after}, then {result.tool_calls[0].status}"] += 1
        assert result.content == "Done."
        assert len(trouble.paid) <= 1
        assert trouble.paid or result.tool_calls[0].status == "unknown"
    assert ends["decided, then ok"]
    assert ends["over"]


class HandSetDeadline(Deadline):
    """A deadline that is over when the test says so."""

    latest: ClassVar[HandSetDeadline]

    def __enter__(self) -> HandSetDeadline:
        HandSetDeadline.latest = self
        super().__enter__()
        return self

    async def is_over_now(self) -> None:
        timer, self.moment = self._timer, 0.0
        self.ring()
        self._timer = timer  # It is given back at the end of the block.
        await asyncio.sleep(0)


@dataclass
class StuckStore(WrappedStore):
    """A store at whose call of this number the time of the run is over."""

    inner: JournalStore
    number: int = -1
    calls: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.inner)

    async def before(self, *, writes: bool) -> None:
        self.calls += 1
        if self.calls == self.number:
            await HandSetDeadline.latest.is_over_now()


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.application.run_loop.run_agent.Deadline", HandSetDeadline)


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "as JSON"])
async def test_a_run_whose_time_is_over_while_it_asks_waits_as_it_would_have(leaks: LeakCheck, kept: bool) -> None:
    """A function decides at once, and the time is over at each call of the store in turn."""
    ends = Counter[str]()
    moment = 0
    while not ends["never over"]:
        moment += 1
        trouble, store = Trouble(), StuckStore(MemoryJournalStore(), moment)
        agent = build(store, trouble, reviewer=lambda request: True)
        stored = store if kept else None
        try:
            result = await agent.arun("Pay.", result_format="object", journal=stored, timeout=3600)
        except LightAgentError:
            ends["not begun"] += 1
            continue
        is_over, store.number = store.calls >= moment, -1
        ends[result.outcome.kind if is_over else "never over"] += 1
        if result.outcome.kind == "suspended":
            assert trouble.paid == []
            found = await Runs(store).journal(result.run_id) if kept else result.journal
            assert found is not None
            result = await agent.aresume(found.to_json(), store=stored)
            assert (result.outcome.kind, result.content, trouble.paid) == ("completed", "Done.", [5])
        assert len(trouble.paid) <= 1
    assert ends["suspended"], ends


@pytest.mark.usefixtures("by_hand")
async def test_a_run_whose_time_is_over_while_a_notice_is_sent_waits_in_the_store() -> None:
    async def hang(request: ApprovalRequest) -> None:
        await HandSetDeadline.latest.is_over_now()
        await asyncio.sleep(3600)

    trouble, store = Trouble(), MemoryJournalStore()
    agent = build(store, trouble, webhook=hang)
    result = await agent.arun("Pay.", result_format="object", timeout=3600)
    assert result.outcome.kind == "suspended"
    [review] = [review async for review in agent.means.desks[0].reviews.list()]
    await agent.means.desks[0].reviews.decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (await agent.aresume(result.journal)).content == "Done."
    assert trouble.paid == [5]


async def test_a_run_whose_process_was_killed_while_it_asked_takes_the_decision_it_is_resumed_with() -> None:
    trouble, store = Trouble(), MemoryJournalStore()
    agent = build(store, trouble)
    waiting = await agent.arun("Pay.", result_format="object")
    interrupted = Journal(waiting.journal.events[:-1])  # It has not come to say that it waits.
    reviews = agent.means.desks[0].reviews
    result = await agent.aresume(interrupted, ApprovalDecision.approve(actor="carol"))
    [review] = [review async for review in reviews.list(status="used")]
    assert (result.content, trouble.paid) == ("Done.", [5])
    assert review.decision == ApprovalDecision.approve(actor="carol")
    with pytest.raises(LightAgentError, match="decided before"):
        await agent.aresume(interrupted, ApprovalDecision.reject("No.", actor="dave"))
    with pytest.raises(LightAgentError, match="Another process"):
        await agent.aresume(interrupted, ApprovalDecision.approve(actor="carol"))
    assert trouble.paid == [5]


async def test_a_run_that_ends_with_a_call_that_waits_leaves_no_request(leaks: LeakCheck) -> None:
    begun, store = asyncio.Event(), MemoryJournalStore()

    async def pay(amount: int) -> str:
        """Pay."""
        begun.set()
        await asyncio.sleep(3600)
        return "never"

    calls = tuple(ToolCall(f"c{n}", "pay", f'{{"amount": {n}}}') for n in range(2))
    desk = HumanApprovalHook(store=ReviewStore(store), tools={"pay"})
    model = ScriptedModel([AssistantMessage(None, calls)])
    agent = LightAgent(name="payer", model=model, tools=[pay], hooks=[desk])
    waiting = await agent.arun("Pay.", result_format="object", journal=store)
    approve = ApprovalDecision.approve(actor="carol")
    task = asyncio.create_task(agent.aresume(waiting.journal, {"c0": approve}, store=store))
    await begun.wait()
    task.cancel()
    await asyncio.wait((task,))
    found = {review.request.call_id: review.status async for review in desk.reviews.list(status=None)}
    assert found == {"c0": "taken", "c1": "revoked"}
