"""Steps that wait for people, in the review service of all runs: their requests are on record and decided there.

The review is written before the run records its request, and marked as used once the run has recorded its decision.
So after a crash in between, people are not asked twice and their decision is found.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lightagent.application.flow.awaited import Awaited
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.reviews.streams import ReviewStreams, forget_reviews, review_key
from lightagent.domain.errors import ConfigurationError, Fenced, PolicyError, StoreError, StreamConflict
from lightagent.domain.flow.events import Subject
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.state import FlowState
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, ReviewExpired, ReviewRequested, ReviewRevoked, ReviewTaken, ReviewUsed
from lightagent.domain.review.requests import ApprovalRequest, can_be_shown, hash_arguments, request_id_of, shown_part
from lightagent.domain.scopes import Scope

_LOGGER: Final = logging.getLogger("lightagent")


@dataclass(frozen=True, slots=True)
class Asking:
    """What people are asked about a step.

    Attributes:
        path, epoch: of the step.
        about: what is asked.
        query: the query that the step would get.
        reason: why people are asked.
        agent: the name of the agent or other work of the step.
        approvers: who may decide; empty: everyone who may decide about the run.
        timeout: seconds until it expires; None: never.
        escalated: the request goes to other people, since its first approvers did not decide in time.
    """

    path: str
    epoch: int
    about: Subject
    query: JsonValue
    reason: str
    agent: str = ""
    approvers: tuple[str, ...] = ()
    timeout: float | None = None
    escalated: bool = False


class FlowReviews:
    """The reviews of runs of flows.

    Args:
        streams: where they are on record.
        desk: decides at once, sends notices, and sets when requests expire; None: none of these, and they never expire.
    """

    def __init__(self, streams: ReviewStreams, desk: ReviewDesk | None = None) -> None:
        self._streams = streams
        self._desk = desk

    async def ask(self, state: FlowState, asking: Asking, now: float) -> Review | None:
        """The review of a step, put on record unless it is there; None if it cannot be kept.

        Then the step waits, and the review is written when the run is resumed: nothing runs without an approval.
        """
        try:
            return await self._ask(state, asking, now)
        except StoreError as error:
            _LOGGER.error("A review of a step could not be kept (%s); it is asked when the run is resumed.", error.code)
            return None

    async def _ask(self, state: FlowState, asking: Asking, now: float) -> Review:
        request = self._request(state, asking, now)
        key = review_key(request)
        while True:
            known = await self._streams.read(key)
            if known is not None and known.as_of(now).status in _OPEN:
                if _asks_same(known.request, request):
                    return known
                if known.request.trace_id != request.trace_id and known.status != "taken":
                    known = await self._of_another_run(key, known, now)
            if known is not None:
                request = self._request(state, asking, now, known.request.round + 1)
            with suppress(StreamConflict, Fenced):
                return await self._streams.append(key, known, ReviewRequested(request))

    async def _of_another_run(self, key: StreamKey, review: Review, now: float) -> Review | None:
        """Revoke the request of an earlier run with the same id whose record is gone: it is not about this run."""
        with suppress(StreamConflict, Fenced):
            return await self._streams.append(key, review, ReviewRevoked("", "The run that asked is gone.", now))
        return await self._streams.read(key)

    async def at_once(self, review: Review) -> ApprovalDecision | None:
        """The decision of an immediate reviewer; without one, send a notice. A reviewer that fails decides nothing."""
        if self._desk is None or review.status != "waiting":
            return None
        answer = await self._desk.decision_at_once(review)
        if isinstance(answer, ApprovalDecision):
            with suppress(PolicyError, StoreError):
                decided = await self._streams.decide(review_key(review.request), review, answer)
                return decided.decision if await self.take(decided) else None
        await self._desk.tell(review.request)
        return None

    async def find(self, state: FlowState, request_id: str) -> Review | None:
        """The review of a request as of now; None if there is none.

        Raises:
            StoreError, ConfigurationError: it cannot be read.
        """
        return await self._streams.read_as_of_now(review_key(_named(state, request_id)))

    def awaited(self, state: FlowState, node: Node) -> Awaited:
        """The request about a step that waits."""
        return Awaited(self._streams, review_key(_named(state, node.request_id)), node.expires)

    async def decide(self, review: Review, decision: ApprovalDecision) -> Review:
        """Put a decision about a review on record; the first one counts.

        Raises:
            PolicyError: there is one already, the time is over, or the actor may not.
            StoreError: it cannot be kept.
        """
        return await self._streams.decide(review_key(review.request), review, decision)

    async def take(self, review: Review) -> bool:
        """Take a decision before the run acts on it, so that it cannot be revoked; False if another change came first.

        Raises:
            StoreError: it cannot be kept.
        """
        if review.status != "decided":
            return review.status == "taken"
        try:
            await self._streams.append(review_key(review.request), review, ReviewTaken(True, self._streams.clock()))
        except (StreamConflict, Fenced):
            return False
        return True

    async def over(self, state: FlowState, request_id: str) -> None:
        """The step no longer waits for it: mark its decision as used, or the request as expired or revoked."""
        key, now = review_key(_named(state, request_id)), self._streams.clock()
        with suppress(StoreError, ConfigurationError):  # The run's own record counts.
            review = await self._streams.read(key)
            if review is None:
                return
            if review.status == "decided":
                review = await self._streams.append(key, review, ReviewTaken(True, now))
            if review.status == "taken":
                await self._streams.append(key, review, ReviewUsed(now))
            elif review.status == "waiting" and review.request.is_over(now):
                await self._streams.append(key, review, ReviewExpired(now))
            elif review.status == "waiting":
                await self._streams.append(key, review, ReviewRevoked("", "The step does not wait any more.", now))

    async def forget(self, owner: Scope, run_id: str) -> None:
        """Forget the reviews of a run that is forgotten.

        Raises:
            StoreError: the store cannot be read or written.
        """
        await forget_reviews(self._streams.store, owner, run_id=run_id)

    def _request(self, state: FlowState, asking: Asking, now: float, turn: int = 1) -> ApprovalRequest:
        arguments: JsonObject = {"query": asking.query}
        complete, scope = can_be_shown(arguments), state.started.scope
        timeout = asking.timeout
        if timeout is None and self._desk is not None:
            timeout = self._desk.timeout
        details: JsonObject = {"flow": state.definition.name, "about": asking.about, "escalated": asking.escalated}
        return ApprovalRequest(
            step_request_id(state, asking.path, asking.epoch, asking.about, asking.query, escalated=asking.escalated),
            asking.path,
            arguments if complete else shown_part(arguments),
            hash_arguments(arguments),
            complete,
            asking.reason,
            details,
            tuple(name for name in (state.definition.name, asking.agent) if name),
            state.run_id,
            state.started.trace_id,
            asking.path,
            turn,
            scope.tenant,
            scope.user,
            created_at=now,
            expires_at=None if timeout is None else now + timeout,
            separate_reviewer=self._desk is not None and self._desk.separate_reviewer,
            phase="flow_step",
            approvers=asking.approvers,
        )


def step_request_id(
    state: FlowState, path: str, epoch: int, about: Subject, shown: JsonValue, *, escalated: bool = False
) -> str:
    """The id of a request about a step.

    It depends on what people are shown: an approval of one attempt's result does not apply to the next attempt's.
    """
    asked = f"{about}/escalated" if escalated else about
    return request_id_of(state.run_id, path, epoch, f"{asked}/{hash_arguments({'query': shown})}")


_OPEN: Final = ("waiting", "decided", "taken")


def _asks_same(known: ApprovalRequest, request: ApprovalRequest) -> bool:
    """Whether this run has asked exactly this: a decision about another query or by other approvers does not apply."""
    if known.trace_id != request.trace_id:
        return False  # A former run of the same id.
    return known.arguments_hash == request.arguments_hash and known.approvers == request.approvers


def waiting_nodes(state: FlowState) -> list[Node]:
    """The steps that wait for people."""
    return [node for node in state.nodes.values() if node.status == "waiting_approval"]


def _named(state: FlowState, request_id: str) -> ApprovalRequest:
    """A request with only the fields that name its review."""
    scope: Scope = state.started.scope
    return ApprovalRequest(request_id, "", {}, "", tenant=scope.tenant, user_id=scope.user)
