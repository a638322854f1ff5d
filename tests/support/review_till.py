"""An agent that pays, and people who decide about its payments."""

from __future__ import annotations

from functools import partial

from lightagent import (
    ApprovalDecision,
    HumanApprovalHook,
    JsonReviewStore,
    LightAgent,
    ReviewStore,
    RunResult,
    tool,
)
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.events import Noted
from lightagent.testing import Reply, ScriptedModel, call_tool

PAY = call_tool("pay", amount=5, to="ann")


class Till:
    """An agent that pays, and whose payments people decide about."""

    def __init__(self, *replies: Reply, hook: HumanApprovalHook, declared: bool = False) -> None:
        self.paid: list[tuple[int, str]] = []

        @tool(requires_approval=declared)
        def pay(amount: int, to: str) -> str:
            """Pay."""
            self.paid.append((amount, to))
            return f"paid {amount} to {to}"

        def look() -> str:
            """Look."""
            return "nothing to see"

        self.model = ScriptedModel([*replies])
        self.agent = LightAgent(name="till", model=self.model, tools=[pay, look], hooks=[hook])

    @property
    def told(self) -> list[str]:
        """What the model was told of its calls in the last request."""
        return [one.content for one in self.model.requests[-1].messages if isinstance(one, ToolMessage)]


hook = partial(HumanApprovalHook, tools={"pay"})
"""Asks about payments."""


def ask(desk: HumanApprovalHook, *, user: str = "", replies: Reply = PAY) -> RunResult[str]:
    """A run that waits."""
    till = Till(replies, hook=desk)
    result = till.agent.run("Pay.", result_format="object", user_id=user, trace=True)
    assert (result.outcome.kind, till.paid) == ("suspended", [])
    return result


def problems(result: RunResult[str]) -> list[JsonValue]:
    """Why calls of a run still wait, as it is on record."""
    noted = [event for event in result.journal.events if isinstance(event, Noted) and event.kind == "review_problem"]
    return [event.data["text"] for event in noted]


def reopened(store: ReviewStore) -> ReviewStore:
    """The store as another process opens it, as far as it outlives its process."""
    files = store.journals
    return JsonReviewStore(files.directory) if isinstance(files, JsonFilesJournalStore) else store


DECISIONS = {
    "approve": (ApprovalDecision.approve(actor="carol"), [(5, "ann")], "paid 5 to ann", "ok"),
    "reject": (
        ApprovalDecision.reject("No.", actor="carol"),
        [],
        "A human reviewer rejected this call. No.",
        "rejected",
    ),
    "edit": (ApprovalDecision.edit({"amount": 1, "to": "bob"}, actor="carol"), [(1, "bob")], "paid 1 to bob", "ok"),
    "respond": (ApprovalDecision.respond("Paid in cash.", actor="carol"), [], "Paid in cash.", "answered"),
}


async def statuses_of(store: ReviewStore) -> list[str]:
    return [review.status async for review in store.reviews.list(status=None)]
