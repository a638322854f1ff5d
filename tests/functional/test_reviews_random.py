"""Whatever people and processes do, and in whatever order: a call is made at most once for each yes, and as decided.

`TEST_RANDOM_REVIEWS` says how many stories are told.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from lightagent import (
    ApprovalDecision,
    HumanApprovalHook,
    InMemoryReviewStore,
    Journal,
    LightAgent,
    LightAgentError,
    Runs,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.testing import ManualClock, ScriptedModel

STORIES = int(os.environ.get("TEST_RANDOM_REVIEWS", "20"))
STEPS = 14

pytestmark = pytest.mark.timeout(1800)
MINUTE = 60.0
ACTIONS = {
    "approve": lambda actor: ApprovalDecision.approve(actor=actor),
    "reject": lambda actor: ApprovalDecision.reject("No.", actor=actor),
    "edit": lambda actor: ApprovalDecision.edit({"amount": 100, "to": actor}, actor=actor),
    "respond": lambda actor: ApprovalDecision.respond("cash", actor=actor),
}


@dataclass
class Story:
    """One run of two payments, its reviewers, and the processes that go on with it."""

    seed: int
    kept: bool
    clock: ManualClock = field(default_factory=ManualClock)
    paid: list[tuple[int, str]] = field(default_factory=list)
    allowed: Counter[tuple[int, str]] = field(default_factory=Counter)
    journals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.store = InMemoryReviewStore(self.clock.now)
        self.runs = MemoryJournalStore()

    def agent(self, *, begins: bool = False) -> LightAgent[None, str]:
        def pay(amount: int, to: str) -> str:
            """Pay."""
            self.paid.append((amount, to))
            return "paid"

        calls = (ToolCall("a", "pay", '{"amount": 1, "to": "a"}'), ToolCall("b", "pay", '{"amount": 2, "to": "b"}'))
        replies = [AssistantMessage(None, calls)] if begins else ["Done."]
        desk = HumanApprovalHook(store=self.store, timeout=MINUTE)
        return LightAgent(name="till", model=ScriptedModel(replies), tools=[pay], hooks=[desk], clock=self.clock)

    async def begin(self) -> str:
        """The run, which waits; returns its id."""
        kept = self.runs if self.kept else None
        result = await self.agent(begins=True).arun("Pay.", journal=kept, result_format="object")
        self.journals.append(result.journal.to_json())
        return result.run_id

    async def decide(self) -> None:
        """Somebody decides about one of the calls."""
        reviews = [review async for review in self.store.reviews.list(status=None)]
        review = self.chance.choice(reviews)
        action = self.chance.choice(list(ACTIONS))
        decision = ACTIONS[action](f"reviewer {self.chance.randrange(9)}")
        await self.store.reviews.decide(review.request.request_id, decision)
        if action == "approve":
            self.allowed[1 if review.request.call_id == "a" else 2, review.request.call_id] += 1
        if action == "edit":
            self.allowed[100, decision.actor] += 1

    async def revoke(self) -> None:
        """Somebody takes a decision back, if no run has taken it."""
        reviews = [review async for review in self.store.reviews.list(status=None)]
        review = self.chance.choice(reviews)
        before = review.decision
        await self.store.reviews.revoke(review.request.request_id)
        assert before is not None
        if before.action == "approve":
            self.allowed[1 if review.request.call_id == "a" else 2, review.request.call_id] -= 1
        if before.action == "edit":
            self.allowed[100, before.actor] -= 1

    async def resume(self, run_id: str) -> None:
        """A process goes on with the run as it knows it, which may be out of date."""
        if self.kept:
            found = await Runs(self.runs).journal(run_id)
            assert found is not None
            journal: Journal | str = found
        else:
            journal = self.chance.choice(self.journals)
        result = await self.agent().aresume(journal)
        self.journals.append(result.journal.to_json())

    async def wait(self) -> None:
        """Time passes."""
        self.clock.advance(self.chance.choice([1.0, MINUTE / 2, MINUTE]))


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "as JSON"])
async def test_no_call_is_made_without_a_yes_of_its_own(kept: bool) -> None:
    made = Counter[str]()
    for seed in range(STORIES):
        story = Story(seed, kept)
        run_id = await story.begin()
        for _ in range(STEPS):
            step = story.chance.choice(["decide", "decide", "resume", "resume", "revoke", "wait"])
            try:
                await (story.resume(run_id) if step == "resume" else getattr(story, step)())
                made[step] += 1
            except LightAgentError as error:
                made[f"{step}: {error.code}"] += 1
            paid = Counter(story.paid)
            assert all(count <= story.allowed[one] for one, count in paid.items()), (seed, story.paid, story.allowed)
            assert len(story.paid) <= 2, (seed, story.paid)
        made["paid"] += len(story.paid)
    # The stories tell of everything.
    assert all(made[step] for step in ("decide", "resume", "revoke", "wait", "paid")), made
    assert any(": " in step for step in made), made
