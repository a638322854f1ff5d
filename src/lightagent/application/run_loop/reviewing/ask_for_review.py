"""How a run puts its requests on record, and decisions that are made while it goes on."""

from __future__ import annotations

from lightagent.application.reviews.streams import ReviewStreams, review_key
from lightagent.domain.errors import AlreadyDecided, Fenced, PolicyError, StreamConflict
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, ReviewRequested, may_ask_anew, same_decision
from lightagent.domain.review.requests import ApprovalRequest


async def ask(streams: ReviewStreams, request: ApprovalRequest) -> tuple[Review, bool]:
    """Put a request on record, unless it is there. Returns the review, and whether the request is new.

    Raises:
        PolicyError: the run has gone on elsewhere since it asked, or its journal was changed.
        StoreError: the store cannot be read or written.
    """
    key = review_key(request)
    while True:
        review = await streams.read(key)
        if review is not None:
            await streams.expire(key, review)
            review = review.as_of(streams.clock())
            if not may_ask_anew(review, request):
                check_binding(review, request)
                return review, False
            review = await streams.read(key)
        try:
            return await streams.append(key, review, ReviewRequested(request)), True
        except StreamConflict:
            continue
        except Fenced:
            raise taken_elsewhere(request) from None


async def answer(streams: ReviewStreams, request: ApprovalRequest, decision: ApprovalDecision) -> Review:
    """The review of a request with a decision, which may be on record already if it is the same.

    Raises:
        PolicyError: it was decided otherwise, it has expired, or the decision is not allowed.
        StoreError: the store cannot be read or written.
    """
    key = review_key(request)
    review = await streams.read_as_of_now(key)
    if review is None or review.request.round != request.round:
        review, _ = await ask(streams, request)
    check_binding(review, request)
    if same_decision(review.decision, decision):
        return review
    return await streams.decide(key, review, decision)


def check_binding(review: Review, request: ApprovalRequest) -> None:
    """Raise unless a review is about this request.

    Raises:
        PolicyError: it is about another one.
    """
    if review.request.round > request.round:
        raise PolicyError(
            f"The run has gone on elsewhere since it asked about the call {request.call_id!r:.100}.",
            guidance="Resume its latest journal.",
        )
    if review.request.binding != request.binding:
        raise PolicyError(
            f"The request about the call {request.call_id!r:.100} was about something else: another tool, other "
            "arguments, or other agents.",
            guidance="The journal or the store was changed.",
        )


def taken_elsewhere(request: ApprovalRequest) -> AlreadyDecided:
    """The error for a decision that another process goes on with."""
    return AlreadyDecided(
        f"Another process goes on with the decision about the call {request.call_id!r:.100}, or has done so.",
        guidance="A decision is used once. Look at what became of the run there; if that process was killed just now, "
        "try again in some seconds.",
    )


def not_on_record(request: ApprovalRequest) -> PolicyError:
    """The error for a decision that is in a journal, but not in its store."""
    return PolicyError(
        f"The journal tells of a decision about the call {request.call_id!r:.100} that the store of reviews does not "
        "have, or that was used since.",
        guidance="The journal was changed, or is not the latest of the run.",
    )
