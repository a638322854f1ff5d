"""A decision about a step, put on record in the review service before the run is told."""

from __future__ import annotations

from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.domain.errors import PolicyError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, StepApprovalDecided
from lightagent.domain.flow.state import FlowState
from lightagent.domain.review_log import same_decision


class Deciding:
    """One decision, which may have to be said to the run several times.

    Args:
        reviews: where people are asked; None where that is nowhere but in the run.
    """

    def __init__(self, reviews: FlowReviews | None) -> None:
        self._reviews = reviews
        self._state: FlowState | None = None
        self._request_id = ""

    async def decide(self, state: FlowState, event: FlowEvent) -> None:
        """Decide in the review service, unless this was done at an earlier try, also by a process that was killed then.

        Raises:
            PolicyError: it was decided there before, the time is over, the actor may not, or nobody was asked there.
            StoreError: it cannot be kept.
        """
        decided: object = event
        while isinstance(decided, AttemptNoted):
            decided = decided.event
        if self._reviews is None or not isinstance(decided, StepApprovalDecided):
            return
        review = await self._reviews.find(state, decided.request_id)
        if review is None:
            raise PolicyError(
                "What is asked about this step is not on record in the review service.",
                guidance="Resume the run with the same store of reviews: it is asked there then.",
            )
        if not same_decision(review.decision, decided.decision):
            await self._reviews.decide(review, decided.decision)
        self._state, self._request_id = state, decided.request_id

    async def over(self) -> None:
        """The run has been told: the decision is spent."""
        if self._reviews is not None and self._state is not None:
            await self._reviews.over(self._state, self._request_id)
