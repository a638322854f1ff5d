"""Asks people about the waiting calls of an agent: through a store, and perhaps a function that decides at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar, runtime_checkable

from lightagent.application.policies.handler import Fault, Handler, checked_seconds, name_of
from lightagent.application.reviews.reviews import Reviews
from lightagent.application.reviews.streams import ReviewStreams, review_key
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_copies import copy_json
from lightagent.domain.policy.phases import Phase, Subject
from lightagent.domain.policy.rulings import ALLOW, Ask, Ruling
from lightagent.domain.review.answers import read_review_answer
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, check_decision
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.foreign_names import exact_names
from lightagent.domain.tools.spec import ToolSpec

PayloadT = TypeVar("PayloadT")

NOTICE_SECONDS: Final = 5.0
"""Seconds for sending a notice that a call waits."""

Function = Callable[[ApprovalRequest], object]


class ReviewDesk:
    """Has people decide about calls of tools.

    Args:
        reviews: where requests and decisions are on record.
        tools: the names of the tools whose calls are reviewed; None for all, an empty list for only those calls
            that wait for another reason, such as `requires_approval`.
        reviewer: decides at once, in this process; None if people decide later.
        timeout: seconds until a request expires; None: it does not.
        separate_reviewer: the user whom the run belongs to may not approve its calls.
        notify: is called with each request that waits.
        name: what it is known by on record.
        most_used: how many reviews whose decision was used are kept; None for all. Set for a store in memory, which
            would otherwise grow with every call.

    Raises:
        ConfigurationError: an option is not valid.
    """

    def __init__(
        self,
        reviews: Reviews,
        *,
        tools: Collection[str] | None,
        reviewer: Function | None,
        timeout: float | None,
        separate_reviewer: bool,
        notify: Function | None,
        name: str,
        most_used: int | None = None,
    ) -> None:
        _check(separate_reviewer, name)
        self.reviews = reviews
        self.tools: frozenset[str] | None = None if tools is None else exact_names(tools, "HumanApprovalHook: tools")
        self.timeout: float | None = checked_seconds(timeout, "HumanApprovalHook")
        self.separate_reviewer = separate_reviewer
        self.name = name
        self._reviewer = _handler(reviewer, "reviewer", self.timeout)
        self._notify = _handler(notify, "webhook", NOTICE_SECONDS)
        self._most_used = most_used
        self._used: deque[StreamKey] = deque()
        self._actor = "" if reviewer is None else f"reviewer:{name_of(reviewer)}"

    def covers(self, tool: str) -> bool:
        """Whether calls of a tool are reviewed."""
        return self.tools is None or tool in self.tools

    @property
    def policy(self) -> str:
        """The name of the policy that asks for reviews; another hook of the same name has a number behind it."""
        return f"hook:{self.name}"

    @property
    def outlives_its_process(self) -> bool:
        """Whether its store belongs to the program, and so has decisions of earlier processes."""
        return self._most_used is None

    @property
    def streams(self) -> ReviewStreams:
        """The reviews that its runs put on record."""
        return self.reviews.streams

    async def decision_at_once(self, review: Review) -> ApprovalDecision | str | None:
        """What the function decides, or why its answer is not a decision; None without a function."""
        if self._reviewer is None:
            return None
        answer = await self._reviewer.call(_copied(review.request))
        read = answer if isinstance(answer, Fault) else read_review_answer(answer, self._actor)
        return read if isinstance(read, ApprovalDecision) else read.problem

    async def remembered(self, review: Review) -> ApprovalDecision | None:
        """An earlier decision that applies to calls like this one; None without one.

        Raises:
            PolicyError: the person who decided may not decide so about this call.
            StoreError: the store cannot be read.
        """
        known = await self.reviews.remembered.find(review.request)
        if known is None:
            return None
        reason = f"As decided before about {known.request_id}. {known.reason}".strip()
        decision = ApprovalDecision(known.action, reason, known.actor)
        check_decision(review, decision)
        return decision

    async def spent(self, review: Review) -> None:
        """The decision of a review was used: remove the oldest reviews beyond `most_used`.

        Raises:
            StoreError: the store cannot be written.
        """
        if self._most_used is None:
            return
        self._used.append(review_key(review.request))
        if len(self._used) > self._most_used:
            await self.streams.store.forget(self._used.popleft())

    async def tell(self, request: ApprovalRequest) -> str:
        """Send the notice of a waiting request. Returns what went wrong, or an empty text."""
        if self._notify is None:
            return ""
        answer = await self._notify.call(_copied(request))
        return answer.problem if isinstance(answer, Fault) else ""


class DeskPolicy:
    """Has people decide about the calls of the tools that a desk covers."""

    guard = None
    phases: frozenset[Phase] = frozenset({"tool_call"})

    def __init__(self, name: str, desk: ReviewDesk) -> None:
        self.name = name
        self._desk = desk

    async def rule(self, phase: Phase, subject: Subject, payload: PayloadT) -> Ruling[PayloadT]:
        """A human decides, unless there is a decision about exactly these arguments."""
        if subject.facts.approved or not self._desk.covers(subject.name):
            return ALLOW
        return Ask(f"{subject.name} runs only with approval.")


@dataclass(frozen=True, slots=True)
class ReviewLevel:
    """What is known of an agent that acts in a run.

    Attributes:
        desks: have people decide about its calls.
        tool: the declaration of a tool, and the agent that it is, if it is one; None for a tool that is not there.
    """

    desks: tuple[ReviewDesk, ...]
    tool: Callable[[str], tuple[ToolSpec, ReviewedAgent | None] | None]


@runtime_checkable
class ReviewedAgent(Protocol):
    """A tool that is an agent, whose nested run may wait for a human."""

    async def review_level(self, child: Run) -> ReviewLevel:
        """What is known of the agent that acts in its nested run."""
        ...


def _check(separate_reviewer: object, name: object) -> None:
    if not isinstance(separate_reviewer, bool):
        raise ConfigurationError(
            f"HumanApprovalHook: separate_reviewer must be True or False, got {separate_reviewer!r:.50}.", guidance=""
        )
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"HumanApprovalHook: name must be text, got {name!r:.50}.", guidance="")


def _handler(function: Function | None, what: str, timeout: float | None) -> Handler | None:
    return None if function is None else Handler(function, f"HumanApprovalHook: {what}", ("request",), timeout)


def _copied(request: ApprovalRequest) -> ApprovalRequest:
    """A copy whose lists and objects may be changed."""
    return replace(request, arguments=copy_json(request.arguments), details=copy_json(request.details))
