"""Reviews as reviewers see them: the requests that wait for a human, and the decisions about others."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

from lightagent.application.check_options import check_text
from lightagent.application.journals.read_streams import list_streams, read_each
from lightagent.application.reviews.decide_calls import not_a_decision
from lightagent.application.reviews.remembered_decisions import RememberedDecisions, RememberFor
from lightagent.application.reviews.streams import KIND, RUN, STATUS, ReviewStreams
from lightagent.domain.errors import (
    ConfigurationError,
    Fenced,
    IncompleteListing,
    PolicyError,
    StreamConflict,
)
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review, ReviewRevoked, ReviewStatus, review_status
from lightagent.ports.journals import JournalStore


class Reviews:
    """The reviews in a store. The first decision about a request counts, and is used once.

    Args:
        clock: tells the time, in seconds since 1970.
        tenant: whose reviews these are: what the runs were given as `tenant=`; empty for those without one.

    Attributes:
        streams: the streams of the reviews, for the runs that ask.
        remembered: decisions that apply to later calls, too.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        check_text(tenant, "tenant")
        self._tenant = tenant
        self.streams: ReviewStreams = ReviewStreams(store, clock)
        self.remembered: RememberedDecisions = RememberedDecisions(store, clock, tenant=tenant)

    async def list(
        self, user_id: str | None = None, *, status: ReviewStatus | None = "waiting", run_id: str | None = None
    ) -> AsyncIterator[Review]:
        """Reviews, the newest first.

        Args:
            user_id: whose runs they are about; None for all users of the tenant.
            status: only those with this status; None for all.
            run_id: only those of this run; None for all.

        Raises:
            ConfigurationError: the status is unknown.
            IncompleteListing: after all that can be read, if something cannot.
            StoreError: the store cannot be read.
        """
        if status is not None:
            review_status(status)
        labels = {} if run_id is None else {RUN: run_id}
        if status is not None and status != "expired":  # One that has expired may be labelled by the status before.
            labels[STATUS] = status
        query = StreamQuery(kind=KIND, tenant=self._tenant, user=user_id, labels=labels)
        async for review in read_each(self.streams.store, query, self.streams.read_as_of_now, "Review"):
            if status in (None, review.status):
                yield review

    async def find(self, request_id: str, user_id: str | None = None) -> Review | None:
        """One review; None if the request does not exist.

        Args:
            user_id: whose run it is about; None if the request id is unique.

        Raises:
            ConfigurationError: several users have such a request, or its log was changed.
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        key = await self._key(request_id, user_id)
        return None if key is None else await self.streams.read_as_of_now(key)

    async def show(self, request_id: str, user_id: str | None = None) -> Review:
        """One review.

        Raises:
            ConfigurationError: the request does not exist, or its log was changed.
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        return (await self._found(request_id, user_id))[1]

    async def decide(
        self,
        request_id: str,
        decision: ApprovalDecision,
        user_id: str | None = None,
        *,
        remember: RememberFor | None = None,
    ) -> Review:
        """Decide about a request. The run goes on when it is resumed, without a decision: it finds this one.

        Args:
            user_id: whose run it is; None if the request id is unique.
            remember: keep the decision, to approve or to reject, for later calls of this tool by these agents with
                these arguments too: in the ``session`` of the run, or for its ``user``.

        Raises:
            ConfigurationError: the request does not exist, the decision is not one, or it cannot be remembered.
            AlreadyDecided: there is a decision already.
            PolicyError: it has expired or was revoked; its arguments cannot be shown completely; or this actor
                must not make this decision.
            StoreError: the store cannot be read or written.
        """
        given: object = decision
        if not isinstance(given, ApprovalDecision):
            raise not_a_decision(given, "decide")
        key, review = await self._found(request_id, user_id)
        if remember is not None:
            self.remembered.check(review.request, decision, remember)
        review = await self.streams.decide(key, review, decision)
        if remember is not None:
            await self.remembered.add(review.request, decision, remember)
        return review

    async def revoke(self, request_id: str, user_id: str | None = None, *, actor: str = "", reason: str = "") -> Review:
        """Revoke a decision that no run has taken yet; the run asks anew when it is resumed.

        Raises:
            ConfigurationError: the request does not exist.
            PolicyError: it was not decided, or a run goes on with the decision already.
            StoreError: the store cannot be read or written.
        """
        key, review = await self._found(request_id, user_id)
        if review.status == "decided":
            try:
                return await self.streams.append(key, review, ReviewRevoked(actor, reason, self.streams.clock()))
            except (StreamConflict, Fenced):
                review = await self.streams.read_again(key)
        raise PolicyError(
            f"The request {request_id:.100} is {review.status}: only a decision can be revoked.",
            guidance="A decision can be revoked until a run takes it.",
        )

    async def _found(self, request_id: str, user_id: str | None) -> tuple[StreamKey, Review]:
        key = await self._key(request_id, user_id)
        if key is None:
            raise ConfigurationError(
                f"The request {request_id!r:.100} does not exist.",
                guidance="Reviews(store).list() and `lightagent review list` tell which there are. "
                "Where runs have a tenant, give it too: Reviews(store, tenant=…), --tenant NAME.",
            )
        return key, await self.streams.read_again(key)

    async def _key(self, request_id: str, user_id: str | None) -> StreamKey | None:
        check_text(request_id, "request_id")
        keys = list[StreamKey]()
        query = StreamQuery(kind=KIND, tenant=self._tenant, user=user_id, id=request_id)
        try:
            async for stream in list_streams(self.streams.store, query):
                keys.append(stream.key)
        except IncompleteListing:
            if not keys:  # The request may be in a stream that cannot be read.
                raise
        if len(keys) > 1:
            raise ConfigurationError(f"Several users have a request {request_id!r:.100}.", guidance="Name the user.")
        return keys[0] if keys else None
