"""Human review for programs: the hook that has people decide, and the stores in which they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.webhook import Webhook
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.feedback.feedback import Feedback
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.reviews.remembered_decisions import RememberFor
from lightagent.application.reviews.reviews import Reviews
from lightagent.compose.check_ports import check_journal_port
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.learning.feedback import HumanFeedback
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.ports.journals import JournalStore

MOST_USED: Final = 1_000
"""Reviews whose decision was used that a hook without a store keeps in memory."""


class ReviewStore:
    """Reviews in a journal store, for programs that are not async; `reviews` is the same for those that are.

    Args:
        journals: where they are kept: any journal store.
        clock: tells the time, in seconds since 1970.
        tenant: whose reviews are found here: what the runs were given as `tenant=`; empty for those without one.
    """

    def __init__(self, journals: JournalStore, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        if check_journal_port(journals, "journals") is None:
            raise ConfigurationError("ReviewStore: expected a journal store, got None.", guidance="")
        self.journals = journals
        self.reviews: Reviews = Reviews(journals, clock, tenant=tenant)
        self.feedback: Feedback = Feedback(journals, clock, tenant=tenant)

    def list_pending(self, user_id: str | None = None) -> list[ApprovalRequest]:
        """The requests that wait for a decision, the newest first.

        Args:
            user_id: whose runs they are about; None for those of all users of the tenant.

        Raises:
            StoreError: the store cannot be read.
        """

        async def read() -> list[ApprovalRequest]:
            return [review.request async for review in self.reviews.list(user_id)]

        return run_sync(read())

    def get_request(self, request_id: str) -> ApprovalRequest | None:
        """A request; None if there is none.

        Raises:
            ConfigurationError: the stored review was changed.
            StoreError: the store cannot be read.
        """
        review = run_sync(self.reviews.find(request_id))
        return None if review is None else review.request

    def get_decision(self, request_id: str) -> ApprovalDecision | None:
        """The decision about a request; None without one.

        Raises:
            ConfigurationError: the stored review was changed.
            StoreError: the store cannot be read.
        """
        review = run_sync(self.reviews.find(request_id))
        return None if review is None else review.decision

    def resolve(
        self, request_id: str, decision: ApprovalDecision, *, remember: RememberFor | None = None
    ) -> ApprovalDecision:
        """Decide about a request, as `Reviews.decide` does, and return the decision.

        Raises:
            ConfigurationError, PolicyError, StoreError: as `Reviews.decide`.
        """
        run_sync(self.reviews.decide(request_id, decision, remember=remember))
        return decision

    def resolve_batch(self, decisions: Mapping[str, ApprovalDecision]) -> dict[str, ApprovalDecision]:
        """Decide about several requests, one after another; those before one that fails are decided.

        Raises:
            ConfigurationError, PolicyError, StoreError: as `Reviews.decide`.
        """
        given: object = decisions
        if not isinstance(given, Mapping):
            raise ConfigurationError(
                f"resolve_batch: expected decisions by request id, got {type(given).__name__}.", guidance=""
            )
        return {request_id: self.resolve(request_id, decision) for request_id, decision in decisions.items()}

    def add_feedback(self, feedback: HumanFeedback) -> HumanFeedback:
        """Put feedback about a run on record, and return it with the time.

        Raises:
            ConfigurationError: it is not a HumanFeedback, or one of its fields has a wrong type.
            StoreError: the store cannot be written.
        """
        return run_sync(self.feedback.add(feedback))

    def list_feedback(self, trace_id: str | None = None) -> list[HumanFeedback]:
        """The feedback about a run; without `trace_id` about all runs.

        Raises:
            StoreError: the store cannot be read.
        """

        async def read() -> list[HumanFeedback]:
            return [one async for one in self.feedback.list(trace_id)]

        return run_sync(read())

    def close(self) -> None:
        """Close what is open; a later call opens it again."""
        run_sync(self.journals.aclose())


class InMemoryReviewStore(ReviewStore):
    """Reviews as long as the object lives: for tests, and for reviewers in the same process.

    Args:
        clock: tells the time, in seconds since 1970.
        tenant: whose reviews are found here: what the runs were given as `tenant=`; empty for those without one.
    """

    def __init__(self, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        super().__init__(MemoryJournalStore(), clock, tenant=tenant)


class JsonReviewStore(ReviewStore):
    """Reviews as files of one directory, for any number of processes of one machine.

    Args:
        directory: of this store alone; made at the first use.
        clock: tells the time, in seconds since 1970.
        tenant: whose reviews are found here: what the runs were given as `tenant=`; empty for those without one.
    """

    def __init__(self, directory: str | Path, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        super().__init__(JsonFilesJournalStore(directory), clock, tenant=tenant)


class HumanApprovalHook(ReviewDesk):
    """A hook that has people decide about calls of tools; for `hooks=`. No such call runs without their approval.

    A run whose calls wait suspends, with its requests on record in `store`; `resume` goes on with the decisions there.
    If a `reviewer` decides, the run goes on at once. A reviewer that raises, takes too long or returns anything but a
    decision, None included, leaves the call waiting.

    Args:
        store: where requests and decisions are kept: a `ReviewStore` or any journal store; by default in memory, where
            those of the last 1,000 decisions that were used are kept.
        tools: the names of the tools to ask about, those of MCP servers as ``SERVER/TOOL``; None for all of them. With
            an empty list only those calls are reviewed that wait for another reason, such as tools that are
            declared with `requires_approval=True`.
        reviewer: a function of an `ApprovalRequest` that decides at once: it answers an `ApprovalDecision`, True,
            False, a text (rejects), or an object such as ``{"approved": False, "reason": "…"}``. Sync or async.
        timeout: seconds until a request expires, and for one call of `reviewer`; None: never.
        separate_reviewer: the user whom the run belongs to (its `user_id`) may only reject its calls; every decision
            must name the person who decides as its `actor`.
        webhook: gets every request that waits: a URL that gets it as JSON, without the arguments, or a function
            of the request. One that fails is on record, and changes nothing.
        name: what the hook is known by.

    Raises:
        ConfigurationError: an option is not valid.
    """

    def __init__(
        self,
        *,
        store: ReviewStore | JournalStore | None = None,
        tools: Collection[str] | None = None,
        reviewer: Callable[[ApprovalRequest], object] | None = None,
        timeout: float | None = None,
        separate_reviewer: bool = False,
        webhook: str | Callable[[ApprovalRequest], object] | None = None,
        name: str = "human_approval",
    ) -> None:
        self.store: ReviewStore = _review_store(store)
        super().__init__(
            self.store.reviews,
            tools=tools,
            reviewer=reviewer,
            timeout=timeout,
            separate_reviewer=separate_reviewer,
            notify=Webhook(webhook) if isinstance(webhook, str) else webhook,
            name=name,
            most_used=MOST_USED if store is None else None,
        )


def _review_store(store: ReviewStore | JournalStore | None) -> ReviewStore:
    if store is None:
        return InMemoryReviewStore()
    return store if isinstance(store, ReviewStore) else ReviewStore(store)
