"""The log of one review: what happened to a request, as entries, and what they amount to.

    waiting ─► decided ─► taken ─► used
       ├──────────┼─► revoked
       └──────────┴─► expired

A run takes a decision before it acts on it, and each decision is taken at most once. A request that expired or was
revoked is asked again in the same log, and so is one about a call that waits once more.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, assert_never

from lightagent.domain.errors import AlreadyDecided, ConfigurationError, PolicyError
from lightagent.domain.json_copies import same_json
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.requests import ApprovalRequest, hash_arguments
from lightagent.domain.text.characters import is_invisible

ReviewStatus: TypeAlias = Literal["waiting", "decided", "taken", "used", "expired", "revoked"]

REVIEW_STATUSES: Final[tuple[ReviewStatus, ...]] = ("waiting", "decided", "taken", "used", "expired", "revoked")
_STATUS_OF: Final[dict[str, ReviewStatus]] = {status: status for status in REVIEW_STATUSES}


def review_status(text: str) -> ReviewStatus:
    """The status of this name.

    Raises:
        ConfigurationError: there is none.
    """
    if (status := _STATUS_OF.get(text)) is None:
        known = ", ".join(REVIEW_STATUSES)
        raise ConfigurationError(f"No review is {text!r:.100}.", guidance=f"A review is one of: {known}.")
    return status


@dataclass(frozen=True, slots=True)
class ReviewRequested:
    """A human is asked."""

    request: ApprovalRequest
    type: Literal["review_requested"] = "review_requested"


@dataclass(frozen=True, slots=True)
class ReviewDecided:
    """The first decision, which is the only one."""

    decision: ApprovalDecision
    at: float = field(default=0.0, compare=False)
    type: Literal["review_decided"] = "review_decided"


@dataclass(frozen=True, slots=True)
class ReviewTaken:
    """A run continues with the decision.

    Attributes:
        kept: whether the run is stored, so that the decision is recorded there before anything is done.
    """

    kept: bool
    at: float = field(default=0.0, compare=False)
    type: Literal["review_taken"] = "review_taken"


@dataclass(frozen=True, slots=True)
class ReviewReturned:
    """The run that took the decision could not go on, and has done nothing."""

    at: float = field(default=0.0, compare=False)
    type: Literal["review_returned"] = "review_returned"


@dataclass(frozen=True, slots=True)
class ReviewUsed:
    """The run that took the decision has ended, or waits again: the decision is spent."""

    at: float = field(default=0.0, compare=False)
    type: Literal["review_used"] = "review_used"


@dataclass(frozen=True, slots=True)
class ReviewExpired:
    """The request was not decided in time, or the decision was not used in time."""

    at: float = field(default=0.0, compare=False)
    type: Literal["review_expired"] = "review_expired"


@dataclass(frozen=True, slots=True)
class ReviewRevoked:
    """The decision is taken back before it was used, or the request, since its run will not go on."""

    actor: str
    reason: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["review_revoked"] = "review_revoked"


ReviewEntry: TypeAlias = (
    ReviewRequested | ReviewDecided | ReviewTaken | ReviewReturned | ReviewUsed | ReviewExpired | ReviewRevoked
)


@dataclass(frozen=True, slots=True)
class Review:
    """What the log of a review amounts to.

    Attributes:
        request: what is asked.
        status: how far it is.
        decision: what was decided about it; None while it waits, or where it expired or the decision was revoked.
        kept: of a decision that was taken: by a run that is kept in a store.
        head: the sequence of the last entry.
        changed_at: when it got this status, in seconds since 1970 in UTC.
    """

    request: ApprovalRequest
    status: ReviewStatus = "waiting"
    decision: ApprovalDecision | None = None
    kept: bool = False
    head: int = 1
    changed_at: float = 0.0

    def as_of(self, now: float) -> Review:
        """Return the review as of `now`: expired if its time is over, even if that is not recorded yet."""
        return replace(self, status="expired", decision=None) if self.expires_by(now) else self

    def expires_by(self, now: float) -> bool:
        """Whether it has expired by then: it was not decided in time, or the decision was not used in time.

        A decision made in time about a step of a flow stays valid: its run may be resumed days later.
        """
        open_ = self.status == "waiting" or (self.status == "decided" and self.request.phase != "flow_step")
        return open_ and self.request.is_over(now)


def advance_review(review: Review | None, entry: ReviewEntry) -> Review:
    """The review after one more entry.

    Raises:
        ConfigurationError: it cannot happen here, so the log was changed.
    """
    if isinstance(entry, ReviewRequested):
        return _requested(review, entry.request)
    if review is None:
        raise ConfigurationError("The log of a review begins with review_requested.")
    moved = _moved(review, entry)
    if moved is None:
        raise ConfigurationError(f"{entry.type}: this cannot follow what is {review.status}.", guidance="")
    return replace(moved, head=review.head + 1, changed_at=entry.at)


def _requested(review: Review | None, request: ApprovalRequest) -> Review:
    if request.complete and hash_arguments(request.arguments) != request.arguments_hash:
        raise ConfigurationError("review_requested: the arguments are not those that the request is bound to.")
    head = 1 if review is None else review.head + 1
    if review is not None and not may_ask_anew(review, request):
        raise ConfigurationError(f"review_requested: this cannot follow what is {review.status}.", guidance="")
    return Review(request, head=head, changed_at=request.created_at)


def _moved(review: Review, entry: ReviewEntry) -> Review | None:
    """Return the review in its next status, or None if the entry does not fit."""
    status = review.status
    match entry:
        case ReviewDecided(decision=decision):
            fits = status == "waiting" and _objection(review.request, decision) is None
            return replace(review, status="decided", decision=decision) if fits else None
        case ReviewTaken(kept=kept):
            return replace(review, status="taken", kept=kept) if status in ("decided", "taken") else None
        case ReviewReturned():
            return replace(review, status="decided") if status == "taken" else None
        case ReviewUsed():
            return replace(review, status="used") if status == "taken" else None
        case ReviewExpired(at=at):
            return replace(review, status="expired", decision=None) if review.expires_by(at) else None
        case ReviewRevoked():
            return replace(review, status="revoked", decision=None) if status in ("waiting", "decided") else None
        case ReviewRequested():
            return None
        case _:
            assert_never(entry)


def may_ask_anew(review: Review, request: ApprovalRequest) -> bool:
    """Whether a request may follow in the log: the last one is closed, or the run has asked about the call again."""
    again = request.round > review.request.round  # The journal is past what was decided before.
    return again or (review.status in ("expired", "revoked") and request.binding == review.request.binding)


def check_decision(review: Review, decision: ApprovalDecision) -> None:
    """Raise unless a decision may be recorded.

    Raises:
        AlreadyDecided: there is one already.
        PolicyError: the time is over, the call is not shown completely, or the actor may not.
    """
    request = review.request
    if review.status == "expired" and request.phase == "flow_step":
        raise PolicyError(
            f"The request about {request.tool_name:.100} expired: the time to decide has passed.",
            guidance="Resume the run: those of escalate_to are asked then, or else the step fails, and rerun_step asks "
            "anew.",
        )
    if review.status == "expired":
        raise PolicyError(
            f"The request {request.request_id} expired before it was used.",
            guidance="Resume the run without a decision: it is asked anew.",
        )
    if review.status == "revoked":
        raise PolicyError(
            f"The request {request.request_id}, or the decision about it, was taken back.",
            guidance="Resume the run without a decision: if it goes on, it is asked anew.",
        )
    if review.decision is not None:
        by = f" by {review.decision.actor}" if review.decision.actor else ""
        raise AlreadyDecided(
            f"The request {request.request_id} was decided before: {review.decision.action}{by}.",
            guidance="The first decision counts. One that was not used yet can be revoked.",
        )
    objection = _objection(request, decision) or _unfit_edit(request, decision)
    if objection is not None:
        raise PolicyError(objection, guidance="")


def same_decision(one: ApprovalDecision | None, other: ApprovalDecision) -> bool:
    """Whether two decisions say the same, and by the same person."""
    if one is None or (one.action, one.output, one.actor) != (other.action, other.output, other.actor):
        return False
    return same_json(one.arguments, other.arguments)


def _objection(request: ApprovalRequest, decision: ApprovalDecision) -> str | None:
    """Return why the decision may not be made, or None if it may."""
    if request.approvers and decision.actor not in request.approvers:  # Providers of identities tell Ann from ann.
        return f"The person who decides must be one of {', '.join(request.approvers)}, and be named exactly so."
    if decision.action == "reject":
        return None
    if decision.action == "approve" and not request.complete:
        return "The arguments of this call cannot be shown completely, so it can be rejected or edited, not approved."
    if not request.separate_reviewer:
        return None
    if not _folded(decision.actor):
        return "Who decides about this call must be named, since the person who asked for it may not approve it."
    if _folded(decision.actor) == _folded(request.user_id):
        return f"The run belongs to {request.user_id!r:.100}, who may reject this call, and nothing else."
    return None


def _unfit_edit(request: ApprovalRequest, decision: ApprovalDecision) -> str | None:
    """Return why a decision does not fit a step of a flow, or None if it does; the first decision counts."""
    if request.phase != "flow_step" or decision.action != "edit":
        return None
    if request.details.get("about", "run") != "run":
        return "The step has run, so its query can be edited no more: approve, reject, or respond in its place."
    if not isinstance((decision.arguments or {}).get("query"), str):
        return 'What is edited of a step is its query, a text: {"query": "…"}.'
    return None


def _folded(name: str) -> str:
    """A name as people compare names: capitals, blanks and characters that cannot be seen make no difference.

    It serves to exclude people from deciding: another spelling of their own name does not let them pass as others.
    """
    shown = "".join(letter for letter in unicodedata.normalize("NFKC", name) if not is_invisible(letter))
    return " ".join(shown.casefold().split())
