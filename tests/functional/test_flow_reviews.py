"""Steps that wait for people, in the one review service: listed, shown and decided like calls of tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    ApprovalRequest,
    ConfigurationError,
    HumanApprovalHook,
    InMemoryReviewStore,
    JsonLightFlowStore,
    LightFlow,
    PolicyError,
    Reviews,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.ports.system import Clock


class Noon(Clock):
    """A clock that tests move."""

    def __init__(self) -> None:
        self.moment = 1_000.0

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment


async def test_a_step_that_waits_is_listed_and_shown_and_decided_as_a_call_is(tmp_path: Path) -> None:
    def declared() -> LightFlow:
        return LightFlow(name="letters", store=JsonLightFlowStore(tmp_path)).step(
            "send", agent=lambda query: f"sent: {query}", requires_approval=True
        )

    await declared().arun("Dear Ann", run_id="letter", user_id="ann", tenant="acme")
    reviews = Reviews(JsonLightFlowStore(tmp_path), tenant="acme")
    (review,) = [one async for one in reviews.list("ann", run_id="letter")]
    request = review.request
    assert (request.tool_name, request.arguments, request.phase) == ("send", {"query": "Dear Ann"}, "flow_step")
    assert (request.run_id, request.user_id, request.agents[0]) == ("letter", "ann", "letters")
    assert (await reviews.show(request.request_id)).status == "waiting"
    await reviews.decide(request.request_id, ApprovalDecision.edit({"query": "Hello"}, actor="carol"))
    with pytest.raises(AlreadyDecided, match="carol"):
        await declared().aapprove("letter", "send", user_id="ann", tenant="acme")
    result = await declared().aresume("letter", user_id="ann", tenant="acme")
    assert (result.status, result.content) == ("success", "sent: Hello")
    assert (await reviews.show(request.request_id)).status == "used"


async def test_what_the_flow_is_told_is_on_record_in_the_review_service() -> None:
    store = MemoryJournalStore()
    flow = LightFlow(store=store).step("send", agent=lambda query: query, requires_approval=True)
    await flow.arun("it", run_id="run")
    await flow.aapprove("run", "send", ApprovalDecision.reject("Too early.", actor="carol"))
    (review,) = [one async for one in Reviews(store).list(status=None)]
    assert review.status == "used"
    assert review.decision is not None
    assert (review.decision.action, review.decision.actor) == ("reject", "carol")
    assert (await flow.aresume("run")).status == "failed"


async def test_only_those_who_are_named_may_decide() -> None:
    store = MemoryJournalStore()
    flow = LightFlow(store=store).step(
        "send", agent=lambda query: query, requires_approval=True, approvers=["carol", "dave"]
    )
    await flow.arun("it", run_id="run")
    for wrong in ("", "eve", "Dave", " dave", "da\u200bve", "\uff44ave"):
        with pytest.raises(PolicyError, match="carol, dave, and be named exactly so"):
            await flow.aapprove("run", "send", ApprovalDecision.approve(actor=wrong))
    with pytest.raises(PolicyError, match="carol, dave"):
        await flow.aapprove("run", "send", ApprovalDecision.reject())
    await flow.aapprove("run", "send", ApprovalDecision.approve(actor="dave"))
    assert (await flow.aresume("run")).status == "success"


async def test_a_request_expires_and_the_step_has_failed() -> None:
    clock, store = Noon(), MemoryJournalStore()
    flow = LightFlow(store=store, clock=clock).step(
        "send", agent=lambda query: query, requires_approval=True, approval_timeout=60.0
    )
    await flow.arun("it", run_id="run")
    clock.moment += 61
    with pytest.raises(PolicyError, match="about send expired: the time to decide has passed") as late:
        await flow.aapprove("run", "send")
    assert late.value.guidance.startswith("Resume the run: those of escalate_to are asked then, or else the step fails")
    result = await flow.aresume("run")
    assert (result.status, result.step("send").status) == ("failed", "failed")
    assert result.error is not None
    assert "has passed" in result.error.message
    (review,) = [one async for one in Reviews(store, clock.now).list(status=None)]
    assert review.status == "expired"
    with pytest.raises(ConfigurationError, match="the time to decide has passed, and it has failed") as over:
        await flow.aapprove("run", "send")
    assert over.value.guidance == "rerun_step asks anew."
    assert (await flow.arerun_step("run", "send")).status == "waiting_approval"


async def test_others_are_asked_where_nobody_decides_in_time() -> None:
    clock, store = Noon(), MemoryJournalStore()
    flow = LightFlow(store=store, clock=clock).step(
        "send",
        agent=lambda query: f"sent {query}",
        requires_approval=True,
        approvers=["carol"],
        approval_timeout=60.0,
        escalate_to=["boss"],
    )
    await flow.arun("it", run_id="run")
    clock.moment += 61
    assert (await flow.aresume("run")).status == "waiting_approval"
    (waiting,) = [one async for one in Reviews(store, clock.now).list()]
    assert waiting.request.approvers == ("boss",)
    with pytest.raises(PolicyError, match="boss"):
        await flow.aapprove("run", "send", ApprovalDecision.approve(actor="carol"))
    await flow.aapprove("run", "send", ApprovalDecision.approve(actor="boss"))
    assert (await flow.aresume("run")).content == "sent it"
    statuses = sorted([one.status async for one in Reviews(store, clock.now).list(status=None)])
    assert statuses == ["expired", "used"]


async def test_an_escalation_expires_as_well() -> None:
    clock, store = Noon(), MemoryJournalStore()
    flow = LightFlow(store=store, clock=clock).step(
        "send", agent=lambda query: query, requires_approval=True, approval_timeout=60.0, escalate_to=["boss"]
    )
    await flow.arun("it", run_id="run")
    for expected in ("waiting_approval", "failed"):
        clock.moment += 61
        assert (await flow.aresume("run")).status == expected


async def test_a_human_approval_hook_of_the_flow_decides_where_and_by_whom() -> None:
    told: list[str] = []

    def reviewer(request: ApprovalRequest) -> object:
        return True if request.arguments["query"] == "small" else None

    store = InMemoryReviewStore()
    hook = HumanApprovalHook(
        store=store, reviewer=reviewer, webhook=lambda request: told.append(request.tool_name), separate_reviewer=True
    )
    flow = LightFlow(hooks=[hook]).step("pay", agent=lambda query: f"paid {query}", requires_approval=True)
    assert (await flow.arun("small", user_id="ann")).content == "paid small"
    await flow.arun("big", run_id="run", user_id="ann")
    assert told == ["pay"]
    with pytest.raises(PolicyError, match="belongs to 'ann'"):
        await flow.aapprove("run", "pay", ApprovalDecision.approve(actor="ann"), user_id="ann")
    (request,) = store.list_pending()
    store.resolve(request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (await flow.aresume("run", user_id="ann")).content == "paid big"


async def test_a_rerun_takes_requests_back_and_asks_anew() -> None:
    store = MemoryJournalStore()
    flow = (
        LightFlow(store=store)
        .step("draft", agent=lambda query: query)
        .step("send", agent=lambda query: query, depends_on=["draft"], requires_approval=True)
    )
    await flow.arun("it", run_id="run")
    await flow.arerun_step("run", "draft")
    statuses = sorted([one.status async for one in Reviews(store).list(status=None)])
    assert statuses == ["revoked", "waiting"]
    await flow.aapprove("run", "send")
    assert (await flow.aresume("run")).status == "success"


async def test_reviews_are_forgotten_with_their_run() -> None:
    store = MemoryJournalStore()
    flow = LightFlow(store=store).step("send", agent=lambda query: query, requires_approval=True)
    await flow.arun("it", run_id="run")
    await flow.aapprove("run", "send")
    await flow.aresume("run")
    await flow.arun("again", run_id="run")
    (review,) = [one async for one in Reviews(store).list(status=None)]
    assert (review.status, review.request.arguments) == ("waiting", {"query": "again"})


async def test_a_step_of_a_flow_that_is_a_step_is_reviewed_as_well() -> None:
    store = MemoryJournalStore()
    below = LightFlow(name="below").step("send", agent=lambda query: f"sent {query}", requires_approval=True)
    flow = LightFlow(store=store).step("outer", agent=below)
    await flow.arun("it", run_id="run")
    (review,) = [one async for one in Reviews(store).list()]
    assert review.request.tool_name == "send"
    await Reviews(store).decide(review.request.request_id, ApprovalDecision.approve(actor="carol"))
    assert (await flow.aresume("run")).content == "sent it"
    assert (await Reviews(store).show(review.request.request_id)).status == "used"


async def test_a_decision_that_a_killed_process_left_is_found(tmp_path: Path) -> None:
    """The reviewer decided; whoever was to tell the run of it is gone."""
    store = JsonLightFlowStore(tmp_path)
    flow = LightFlow(store=store).step("send", agent=lambda query: query, requires_approval=True)
    await flow.arun("it", run_id="run")
    reviews = Reviews(store)
    (review,) = [one async for one in reviews.list()]
    await reviews.decide(review.request.request_id, ApprovalDecision.respond("done by hand", actor="carol"))
    assert (await flow.aresume("run")).content == "done by hand"
    assert (await flow.aget_run("run") or {})["status"] == "success"


async def test_what_is_tried_again_after_a_failure_is_what_a_person_has_approved() -> None:
    made = iter(["pay 1", "pay 2", "pay 3"])
    asked: list[str] = []

    def pay(query: str) -> str:
        asked.append(query)
        if len(asked) == 1:
            raise ConnectionError("the bank is down")
        return query

    flow = LightFlow().step("pay", agent=pay, query=lambda context: next(made), requires_approval=True)
    await flow.arun("letter", run_id="run")
    await flow.aapprove("run", "pay")
    assert (await flow.aresume("run")).status == "failed"
    assert (await flow.aresume("run")).status == "success"
    assert asked == ["pay 1", "pay 1"]

    assert (await flow.arerun_step("run", "pay")).status == "waiting_approval"
    assert [step["query"] for step in await flow.awaiting_steps("run")] == ["pay 2"]
