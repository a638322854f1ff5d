"""A decision about a step, put on record in the review service before the run is told."""

from __future__ import annotations

from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.domain.errors import AlreadyDecided, PolicyError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, StepApprovalDecided
from lightagent.domain.flow.state import FlowState
from lightagent.domain.review.log import same_decision
from lightagent.domain.secrets.masking import shown


class Deciding:
    """One decision, which may have to be delivered to the run several times.

    Args:
        reviews: where people are asked; None: in the run only.
    """

    def __init__(self, reviews: FlowReviews | None) -> None:
        self._reviews = reviews
        self._state: FlowState | None = None
        self._request_id = ""

    async def decide(self, state: FlowState, event: FlowEvent) -> None:
        """Decide in the review service, unless an earlier try did, even one of a process that was killed then.

        Raises:
            PolicyError: it was already decided there, the request has expired or was never made, or the actor may not
                decide.
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
            try:
                review = await self._reviews.decide(review, decided.decision)
            except AlreadyDecided:
                raise await self._too_late(state, decided) from None
        if review.status != "used" and not await self._reviews.take(review):
            raise PolicyError(
                f"{decided.path}: the decision was taken back before the run was told of it.",
                guidance="get_run and `lightagent flow show` tell where the run is now.",
            )
        self._state, self._request_id = state, decided.request_id

    async def _too_late(self, state: FlowState, decided: StepApprovalDecided) -> AlreadyDecided:
        """The error for a request that was decided before."""
        review = None if self._reviews is None else await self._reviews.find(state, decided.request_id)
        first = None if review is None else review.decision
        who = "somebody" if first is None or not first.actor else f"{shown(first.actor):.60}"
        what = "" if first is None else f" ({first.action})"
        return AlreadyDecided(
            f"{decided.path} waits for no decision: {who} has decided{what}. The first decision counts.",
            guidance="get_run and `lightagent flow show` tell where the run is now.",
        )

    async def over(self) -> None:
        """Mark the decision as used: the run has it."""
        if self._reviews is not None and self._state is not None:
            await self._reviews.over(self._state, self._request_id)
