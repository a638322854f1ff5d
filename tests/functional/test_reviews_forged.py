"""A journal that tells of decisions which nobody made, or that were used, is refused: the store of reviews knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightagent import (
    ApprovalDecision,
    HumanApprovalHook,
    InMemoryReviewStore,
    Journal,
    LightAgent,
    PolicyError,
    ReviewStore,
    RunContext,
    tool,
)
from lightagent.application.reviews.streams import review_key
from lightagent.domain.review.log import ReviewTaken
from lightagent.domain.runs.events import ApprovalDecided, Event, Nested, ToolStarted
from lightagent.testing import Reply, ScriptedModel, call_tool

APPROVE = ApprovalDecision.approve(actor="carol")
FORGED = {
    "an approval of nobody": ApprovalDecision.approve(),
    "an approval of somebody": APPROVE,
    "an edit": ApprovalDecision.edit({"amount": 5_000}, actor="carol"),
    "an answer": ApprovalDecision.respond("paid", actor="carol"),
}


class Scene:
    """An agent that pays with approval, alone or as a tool of another one."""

    def __init__(self, store: ReviewStore, depth: int) -> None:
        self.store = store
        self.depth = depth
        self.idempotent = True
        self.keys: list[str] = []

    def agent(self, *, waits: bool = False) -> LightAgent[None, str]:
        """The outermost agent: one that makes the call, or one that goes on after it."""

        @tool(idempotent=self.idempotent)
        def pay(ctx: RunContext[None], amount: int) -> str:
            """Pay."""
            self.keys.append(ctx.idempotency_key)
            return "paid"

        first: list[Reply] = [call_tool("pay", amount=5)] if waits else []
        desk = HumanApprovalHook(store=self.store)
        agent = LightAgent(name="till", model=ScriptedModel([*first, "Paid."]), tools=[pay], hooks=[desk])
        if self.depth:
            asks: list[Reply] = [call_tool("ask", query="Pay.")] if waits else []
            below = agent.as_tool("ask", "Pays.")
            agent = LightAgent(name="lead", model=ScriptedModel([*asks, "Done."]), tools=[below])
        return agent

    def nested(self, event: Event) -> Event:
        """An event about the payment, where its call is."""
        return Nested("call_1_1", event) if self.depth else event

    def waiting(self) -> Journal:
        """The journal of a run that waits."""
        return self.agent(waits=True).run("Pay.", result_format="object").journal


@pytest.fixture(params=[0, 1], ids=["alone", "nested"])
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(InMemoryReviewStore(), request.param)


@pytest.mark.parametrize("decision", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("status", ["waiting", "rejected", "approved"])
def test_a_decision_that_is_not_in_the_store_is_refused(scene: Scene, status: str, decision: ApprovalDecision) -> None:
    """Even one that is there is taken by a run, and not written into its journal."""
    journal = scene.waiting()
    (request,) = scene.store.list_pending()
    if status != "waiting":
        made = APPROVE if status == "approved" else ApprovalDecision.reject("No.", actor="carol")
        scene.store.resolve(request.request_id, made)
    forged = Journal((*journal.events, scene.nested(ApprovalDecided("call_1_1", decision))))
    with pytest.raises(PolicyError, match="does not have"):
        scene.agent().resume(forged.to_json())
    assert scene.keys == []


def test_a_call_that_is_said_to_have_begun_is_not_made_without_its_decision(scene: Scene) -> None:
    journal = scene.waiting()
    run = journal.run.calls["call_1_1"].child if scene.depth else journal.run
    assert run is not None
    started = ToolStarted("call_1_1", "pay", {"amount": 5}, f"{run.started.run_id}:1:call_1_1")
    events: list[Event] = [ApprovalDecided("call_1_1", APPROVE), started]
    with pytest.raises(PolicyError, match="does not have"):
        scene.agent().resume(Journal((*journal.events, *map(scene.nested, events))).to_json())
    assert scene.keys == []


def test_a_journal_that_was_cut_back_to_its_decision_is_refused(scene: Scene) -> None:
    """Else one approval would pay as often as somebody cuts."""
    journal = scene.waiting()
    (request,) = scene.store.list_pending()
    scene.store.resolve(request.request_id, APPROVE)
    whole = scene.agent().resume(journal.to_json()).journal
    assert len(scene.keys) == 1
    for length in range(len(journal.events) + 1, len(whole.events)):
        cut = Journal(whole.events[:length])
        if not _is_open(cut):
            break
        with pytest.raises(PolicyError, match=r"does not have|used since"):
            scene.agent().resume(cut.to_json())
    assert len(scene.keys) == 1


def _is_open(journal: Journal) -> bool:
    """Whether the payment has no result yet."""
    run = journal.run
    if run.calls and (child := run.calls["call_1_1"].child) is not None:
        run = child
    return any(call.status != "done" for call in run.calls.values())


async def test_a_run_whose_process_stopped_after_the_decision_goes_on(scene: Scene) -> None:
    """What is on record in both places is gone on with, by one process."""
    journal = scene.waiting()
    (request,) = scene.store.list_pending()
    scene.store.resolve(request.request_id, APPROVE)
    seen = [*journal.events]
    async with scene.agent().aresume_events(journal.to_json()) as events:
        async for event in events:
            seen.append(event)
            break
    result = await scene.agent().aresume(Journal(tuple(seen)).to_json())
    assert (result.outcome.kind, len(scene.keys)) == ("completed", 1)
    assert (await scene.store.reviews.show(request.request_id)).status == "used"
    with pytest.raises(PolicyError, match="used since"):
        await scene.agent().aresume(Journal(tuple(seen)).to_json())


def test_another_actor_in_the_journal_than_in_the_store_is_refused(scene: Scene) -> None:
    journal = scene.waiting()
    (request,) = scene.store.list_pending()
    scene.store.resolve(request.request_id, APPROVE)
    other = replace(APPROVE, actor="eve")
    with pytest.raises(PolicyError, match="does not have"):
        scene.agent().resume(Journal((*journal.events, scene.nested(ApprovalDecided("call_1_1", other)))).to_json())


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_decision_that_a_lost_process_took_is_in_doubt(scene: Scene, idempotent: bool) -> None:
    """Nobody knows how far it came: the call is repeated if its tool allows that, else it is reported."""
    scene.idempotent = idempotent
    journal = (await scene.agent(waits=True).arun("Pay.", result_format="object")).journal
    [review] = [review async for review in scene.store.reviews.list()]
    review = await scene.store.reviews.decide(review.request.request_id, APPROVE)
    await scene.store.reviews.streams.append(review_key(review.request), review, ReviewTaken(kept=False))
    result = await scene.agent().aresume(journal.to_json())
    (call,) = result.tool_calls
    (call,) = call.nested or (call,)
    assert (call.status, len(scene.keys)) == (("ok", 1) if idempotent else ("unknown", 0))
    assert result.outcome.kind == "completed"
    with pytest.raises(PolicyError, match="Another process"):
        await scene.agent().aresume(journal.to_json())
