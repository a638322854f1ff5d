"""A call of a run that was decided, and a decision that the run goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lightagent.application.journals.hold_lease import HeldLease
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.reviews.decide_calls import decided_event, nested_event
from lightagent.application.run_loop.prepare_call import unknown_result
from lightagent.application.run_loop.reviewing.waiting import WaitingCall
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review
from lightagent.domain.runs.events import Event


@dataclass(frozen=True, slots=True)
class Settled:
    """A call that was decided.

    Attributes:
        review: where the decision is on record; None if no desk reviews the call.
        in_doubt: a process took the decision before, and may have acted on it.
    """

    waiting: WaitingCall
    decision: ApprovalDecision
    review: Review | None = None
    in_doubt: bool = False

    def events(self, now: float, interrupted: str) -> Iterator[Event]:
        """The entry for the record; a call that may have been made is made again only if its tool allows that."""
        waiting = self.waiting
        yield decided_event(waiting.path, self.decision, now)
        spec = waiting.spec
        repeatable = spec is not None and (spec.idempotent or spec.resumable)
        if self.in_doubt and self.decision.action in ("approve", "edit") and not repeatable:
            yield nested_event(waiting.path, unknown_result(waiting.path[-1], waiting.tool_name, interrupted, now))


@dataclass(slots=True)
class Taken:
    """A decision that this run goes on with; the lease keeps other processes away if no store keeps the run.

    Attributes:
        is_told: whether the decision is in the journal, so that the run acts on it.
        on_record: whether the review says that it was taken.
    """

    desk: ReviewDesk
    review: Review
    lease: HeldLease | None
    is_told: bool
    on_record: bool = False
