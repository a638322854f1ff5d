"""Decisions about steps that do not fit, are taken back, or are about something else: none of them lets a step run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    ConfigurationError,
    JournalStore,
    LightFlow,
    PolicyError,
    Reviews,
    StepVerdict,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.review.log import Review
from lightagent.testing import ManualClock
from tests.support.wrapped_journals import WrappedStore

APPROVE = ApprovalDecision.approve(actor="carol")


def letters(store: JournalStore, sent: list[str], query: str = "Dear Ann") -> LightFlow:
    return LightFlow(name="letters", store=store).step(
        "send", agent=lambda text: sent.append(text), query=lambda context: query, requires_approval=True
    )


async def waiting(store: JournalStore) -> Review:
    """The one review that waits."""
    (review,) = [one async for one in Reviews(store).list()]
    return review


async def test_a_decision_that_is_taken_back_is_asked_anew() -> None:
    store, sent = MemoryJournalStore(), list[str]()
    flow, reviews = letters(store, sent), Reviews(store)
    await flow.arun("it", run_id="r")
    first = (await waiting(store)).request
    await reviews.decide(first.request_id, APPROVE)
    await reviews.revoke(first.request_id, actor="dave")
    with pytest.raises(PolicyError, match="taken back"):
        await flow.aapprove("r", "send", APPROVE)
    assert (await flow.aresume("r")).status == "waiting_approval"
    assert sent == []
    again = (await waiting(store)).request
    assert (again.request_id, again.round, again.arguments) == (first.request_id, 2, first.arguments)
    await reviews.decide(again.request_id, APPROVE)
    assert (await flow.aresume("r")).status == "success"
    assert sent == ["Dear Ann"]


async def test_a_decision_that_a_run_goes_on_with_cannot_be_taken_back() -> None:
    store, began, go = MemoryJournalStore(), asyncio.Event(), asyncio.Event()

    async def send(query: str) -> str:
        began.set()
        await go.wait()
        return "sent"

    flow, reviews = LightFlow(store=store).step("send", agent=send, requires_approval=True), Reviews(store)
    await flow.arun("it", run_id="r")
    request_id = (await waiting(store)).request.request_id
    await reviews.decide(request_id, APPROVE)
    running = asyncio.create_task(flow.aresume("r"))
    await began.wait()
    with pytest.raises(PolicyError, match="taken"):
        await reviews.revoke(request_id)
    go.set()
    assert (await running).status == "success"
    assert (await reviews.show(request_id)).status == "used"


async def test_what_cannot_be_about_a_step_is_refused_where_it_is_decided() -> None:
    store, sent = MemoryJournalStore(), list[str]()
    flow, reviews = letters(store, sent), Reviews(store)
    await flow.arun("it", run_id="r", user_id="ann")
    request_id = (await waiting(store)).request.request_id
    for wrong in ({"amount": 5}, {"query": 5}, {}):
        with pytest.raises(PolicyError, match="its query, a text"):
            await reviews.decide(request_id, ApprovalDecision.edit(dict(wrong), actor="carol"))
    with pytest.raises(ConfigurationError, match="holds for this step of this run alone"):
        await reviews.decide(request_id, APPROVE, remember="user")
    await reviews.decide(request_id, ApprovalDecision.edit({"query": "less"}, actor="carol"))
    assert (await flow.aresume("r", user_id="ann")).status == "success"
    assert sent == ["less"]


async def test_the_query_of_a_step_that_has_run_is_edited_no_more() -> None:
    store = MemoryJournalStore()
    flow = LightFlow(store=store).step(
        "write", agent=str.upper, verify=lambda result: StepVerdict.unknown("odd"), on_doubt="person"
    )
    await flow.arun("it", run_id="r")
    review = await waiting(store)
    assert review.request.arguments == {"query": "IT"}
    with pytest.raises(PolicyError, match="has run"):
        await Reviews(store).decide(review.request.request_id, ApprovalDecision.edit({"query": "x"}, actor="carol"))
    await Reviews(store).decide(review.request.request_id, APPROVE)
    assert (await flow.aresume("r")).content == "IT"


class DyingStore(WrappedStore):
    """The process dies after the review is on record, and before the run says that it waits."""

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
        if key.kind == "flow" and any("step_approval_requested" in one.content for one in drafts):
            raise StoreError("The process is dead.")
        return await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )


async def test_what_was_decided_about_another_query_is_nothing_about_this_one() -> None:
    inner, sent = MemoryJournalStore(), list[str]()
    store = DyingStore(inner)
    with pytest.raises(StoreError):
        await letters(store, sent, "pay 5").arun("it", run_id="r")
    first = await waiting(inner)
    assert first.request.arguments == {"query": "pay 5"}
    await Reviews(inner).decide(first.request.request_id, APPROVE)
    assert (await letters(inner, sent, "pay 5000").aresume("r")).status == "waiting_approval"
    assert sent == []
    assert (await waiting(inner)).request.arguments == {"query": "pay 5000"}


async def test_what_was_decided_about_this_query_is_found_after_a_crash() -> None:
    inner, sent = MemoryJournalStore(), list[str]()
    with pytest.raises(StoreError):
        await letters(DyingStore(inner), sent).arun("it", run_id="r")
    await Reviews(inner).decide((await waiting(inner)).request.request_id, APPROVE)
    assert (await letters(inner, sent).aresume("r")).status == "success"
    assert sent == ["Dear Ann"]


async def test_people_are_asked_before_a_wait_as_before_any_step() -> None:
    clock, store = ManualClock(), MemoryJournalStore()
    flow = LightFlow(store=store, clock=clock).wait_for(
        "payment", "paid", requires_approval=True, approvers=["carol"], approval_timeout=60.0, escalate_to=["boss"]
    )
    await flow.arun("it", run_id="r")
    with pytest.raises(PolicyError, match="must be one of carol"):
        await flow.aapprove("r", "payment", ApprovalDecision.approve(actor="boss"))
    clock.advance(61.0)
    assert (await flow.aresume("r")).status == "waiting_approval"
    await flow.aapprove("r", "payment", ApprovalDecision.approve(actor="boss"))
    assert (await flow.aresume("r")).status == "waiting"
    await flow.asignal("r", "paid", 5)
    assert (await flow.aresume("r")).output("payment") == 5
    skipped = LightFlow().sleep("pause", 60.0, cancel_if=lambda context: True)
    assert (await skipped.arun("it")).step("pause").status == "skipped"


def test_options_about_people_where_nobody_is_asked_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"approvers= is about people who decide, but this step needs no approval"
    ):
        LightFlow().step("send", agent=str.upper, approvers=["carol"])
    with pytest.raises(ConfigurationError, match=r"approval_timeout=, escalate_to="):
        LightFlow().wait_for("payment", "paid", approval_timeout=5.0, escalate_to=["boss"])
    with pytest.raises(ConfigurationError, match="needs no approval"):
        LightFlow().map("send", over=["a"], agent=str.upper, approvers=["carol"])
    LightFlow().step("send", agent=str.upper, accept_steps="person", approvers=["carol"])


async def test_who_may_decide_holds_for_what_is_doubted_in_a_map() -> None:
    store = MemoryJournalStore()
    flow = LightFlow(store=store).map(
        "write", over=["a"], agent=str.upper, verify=lambda result: None, on_doubt="person", approvers=["carol"]
    )
    assert (await flow.arun("it", run_id="r")).status == "waiting_approval"
    with pytest.raises(PolicyError, match="must be one of carol"):
        await flow.aapprove("r", "write[0]/write", ApprovalDecision.approve(actor="eve"))
    await flow.aapprove("r", "write[0]/write", APPROVE)
    with pytest.raises(ConfigurationError, match="'carol' has decided"):
        await flow.aapprove("r", "write[0]/write", ApprovalDecision.reject("no", actor="carol"))
    assert (await flow.aresume("r")).output("write") == ["A"]


async def test_a_decision_about_the_result_of_one_attempt_is_none_about_that_of_the_next() -> None:
    store, results = MemoryJournalStore(), ["one", "two"]
    flow = LightFlow(store=store).step(
        "write", agent=lambda query: results.pop(0), verify=lambda result: None, on_doubt="person"
    )
    await flow.arun("it", run_id="r")
    seen = (await waiting(store)).request
    await flow.aapprove("r", "write", ApprovalDecision.reject("no", actor="carol"))
    assert (await flow.aresume("r")).status == "failed"
    assert (await flow.arerun_step("r", "write")).status == "waiting_approval"
    with pytest.raises(AlreadyDecided, match="reject"):
        await Reviews(store).decide(seen.request_id, APPROVE)
    assert (await waiting(store)).request.arguments == {"query": "two"}
    assert (await flow.aresume("r")).status == "waiting_approval"


async def test_what_people_are_shown_is_what_a_fork_asks() -> None:
    store, sent, numbers = MemoryJournalStore(), list[str](), iter(range(9))
    flow = LightFlow(store=store).step(
        "pay", agent=lambda query: sent.append(query), query=lambda context: f"{next(numbers)}", requires_approval=True
    )
    await flow.arun("it", run_id="r")
    await flow.afork("r", new_run_id="fork")
    shown = {one.request.run_id: one.request.arguments["query"] async for one in Reviews(store).list()}
    for run_id in ("r", "fork"):
        await flow.aapprove(run_id, "pay", APPROVE)
        await flow.aresume(run_id)
        assert sent.pop() == shown[run_id]
