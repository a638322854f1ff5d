"""Reviews as reviewers see them: what waits for a human, what was decided about it, and by whom."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from lightagent.application.check_options import check_text
from lightagent.application.read_streams import list_streams
from lightagent.application.remembered import RememberedDecisions, RememberFor
from lightagent.application.review_codec import read_review_entry, review_drafts
from lightagent.domain.errors import (
    AlreadyDecided,
    ConfigurationError,
    DamagedStream,
    Fenced,
    IncompleteListing,
    PolicyError,
    StreamConflict,
)
from lightagent.domain.journal_streams import StreamInfo, StreamKey, StreamQuery
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_log import (
    REVIEW_STATUSES,
    Review,
    ReviewDecided,
    ReviewEntry,
    ReviewExpired,
    ReviewRequested,
    ReviewRevoked,
    advance_review,
    check_decision,
    may_ask_anew,
    same_decision,
)
from lightagent.domain.review_requests import ApprovalRequest
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

KIND: Final = "review"
"""The kind of the streams that hold reviews."""


class Reviews:
    """The reviews in a store. The first decision about a request counts, and is used once.

    Args:
        clock: tells the time, in seconds since 1970.

    Attributes:
        remembered: decisions that hold for later calls, too.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock
        self.remembered = RememberedDecisions(store, clock)

    async def list(self, user_id: str | None = None, *, status: str | None = "waiting") -> AsyncIterator[Review]:
        """Reviews, the newest first.

        Args:
            user_id: whose runs they are about; None for everybody's.
            status: only those with this status; None for all.

        Raises:
            ConfigurationError: there is no such status.
            IncompleteListing: after all that can be read, if something cannot.
            StoreError: the store cannot be read.
        """
        if status is not None and status not in REVIEW_STATUSES:
            known = ", ".join(REVIEW_STATUSES)
            raise ConfigurationError(f"No review is {status!r:.100}.", guidance=f"A review is one of: {known}.")
        # One that has expired may be labelled by the status before.
        labels = {} if status in (None, "expired") else {"status": status or ""}
        query = StreamQuery(kind=KIND, tenant="", user=user_id, labels=labels)
        unreadable = list[str]()
        async for stream in list_streams(self.store, query):
            try:
                review = await self.read(stream.key)
            except (DamagedStream, ConfigurationError) as error:
                unreadable.append(f"Review {stream.key.id:.100}: {error.message}")
                continue
            if review is not None and status in (None, review.as_of(self.clock()).status):
                yield review.as_of(self.clock())
        if unreadable:
            raise IncompleteListing(tuple(unreadable))

    async def show(self, request_id: str, user_id: str | None = None) -> Review:
        """One review.

        Raises:
            ConfigurationError: there is no such request, or its log was changed.
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
            user_id: whose run it is; None where that need not be said.
            remember: hold the decision, to approve or to reject, for later calls of this tool by these agents with
                these arguments too: in the ``session`` of the run, or for its ``user``.

        Raises:
            ConfigurationError: there is no such request, or the decision cannot be remembered.
            AlreadyDecided: somebody was first.
            PolicyError: it has expired or was revoked; its arguments cannot be shown completely; or the actor
                may not decide so.
            StoreError: the store cannot be read or written.
        """
        key, review = await self._found(request_id, user_id)
        if remember is not None:
            self.remembered.check(review.request, decision, remember)
        while True:
            await self._expire(key, review)
            check_decision(review, decision)
            try:
                review = await self.append(key, review, ReviewDecided(decision, self.clock()))
                break
            except (StreamConflict, Fenced):
                review = await self._current(key)  # Somebody else was first.
        if remember is not None:
            await self.remembered.add(review.request, decision, remember)
        return review

    async def revoke(self, request_id: str, user_id: str | None = None, *, actor: str = "", reason: str = "") -> Review:
        """Take back a decision that no run has taken yet; the run asks anew when it is resumed.

        Raises:
            ConfigurationError: there is no such request.
            PolicyError: it was not decided, or a run goes on with the decision already.
            StoreError: the store cannot be read or written.
        """
        key, review = await self._found(request_id, user_id)
        if review.status == "decided":
            try:
                return await self.append(key, review, ReviewRevoked(actor, reason, self.clock()))
            except (StreamConflict, Fenced):
                review = await self._current(key)
        raise PolicyError(
            f"There is no decision to revoke: the request {request_id:.100} is {review.status}.",
            guidance="A decision can be revoked until a run takes it.",
        )

    async def ask(self, request: ApprovalRequest) -> tuple[Review, bool]:
        """Put a request on record, unless it is there. Returns the review, and whether it was asked now.

        Raises:
            PolicyError: the run has gone on elsewhere since it asked, or its journal was changed.
            StoreError: the store cannot be read or written.
        """
        key = review_key(request)
        while True:
            review = await self.read(key)
            if review is not None:
                await self._expire(key, review)
                review = review.as_of(self.clock())
                if not may_ask_anew(review, request):
                    check_binding(review, request)
                    return review, False
                review = await self.read(key)
            try:
                return await self.append(key, review, ReviewRequested(request)), True
            except StreamConflict:
                continue
            except Fenced:
                raise taken_elsewhere(request) from None

    async def answer(self, request: ApprovalRequest, decision: ApprovalDecision) -> Review:
        """The review of a request with a decision, which may be on record already if it is the same.

        Raises:
            PolicyError: it was decided otherwise, it has expired, or the decision may not be made.
            StoreError: the store cannot be read or written.
        """
        before = await self.read(review_key(request))
        if before is not None and before.request.round == request.round:
            await self._expire(review_key(request), before)
            before = before.as_of(self.clock())
            check_binding(before, request)
            if same_decision(before.decision, decision):
                return before
            check_decision(before, decision)
        await self.ask(request)
        return await self.decide(request.request_id, decision, request.user_id)

    async def read(self, key: StreamKey) -> Review | None:
        """The review in a stream; None if there is none.

        Raises:
            ConfigurationError: the log of the review was changed.
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        review: Review | None = None
        while True:
            found = await self.store.read(key, 0 if review is None else review.head)
            for entry in found.entries:
                review = advance_review(review, read_review_entry(entry))
            if review is None:
                return None
            if review_key(review.request) != key:
                raise ConfigurationError("The log of a review is that of another one.", guidance="It was changed.")
            if review.head >= found.stream.head:
                return review

    async def append(
        self, key: StreamKey, review: Review | None, entry: ReviewEntry, token: int | None = None
    ) -> Review:
        """The review after one more entry, which is on record.

        Raises:
            StreamConflict, Fenced: somebody else was first.
            StoreError: the store cannot be written.
        """
        moved = advance_review(review, entry)
        expected = 0 if review is None else review.head
        now = moved.changed_at or self.clock()
        drafts, labels = review_drafts([entry]), _labels(moved)
        await self.store.append(key, drafts, expected=expected, at=now, labels=labels, token=token)
        return moved

    async def _found(self, request_id: str, user_id: str | None) -> tuple[StreamKey, Review]:
        check_text(request_id, "request_id")
        streams = list[StreamInfo]()
        query = StreamQuery(kind=KIND, tenant="", user=user_id, id=request_id)
        async for stream in list_streams(self.store, query):
            streams.append(stream)
        if len(streams) == 1:
            return streams[0].key, await self._current(streams[0].key)
        if streams:
            raise ConfigurationError(f"Several users have a request {request_id!r:.100}.", guidance="Name the user.")
        raise ConfigurationError(
            f"There is no request {request_id!r:.100}.",
            guidance="Reviews(store).list() and `lightagent review list` tell which there are.",
        )

    async def _current(self, key: StreamKey) -> Review:
        review = await self.read(key)
        if review is None:
            raise ConfigurationError(f"There is no request {key.id!r:.100} any more.", guidance="It was forgotten.")
        return review.as_of(self.clock())

    async def _expire(self, key: StreamKey, review: Review) -> None:
        """Put on record that the time is over, where it is. Somebody else may do so at the same time."""
        now = self.clock()
        if review.as_of(now).status != "expired":
            return
        kept = await self.read(key)
        if kept is not None and kept.status in ("waiting", "decided") and kept.request.is_over(now):
            try:
                await self.append(key, kept, ReviewExpired(now))
            except (StreamConflict, Fenced):
                return


def review_key(request: ApprovalRequest) -> StreamKey:
    """The stream of a review, which belongs to the user and the session that the run belongs to."""
    return StreamKey(Scope(user=request.user_id, session=request.session_id), KIND, request.request_id)


def taken_elsewhere(request: ApprovalRequest) -> AlreadyDecided:
    """The error for a decision that another process goes on with."""
    return AlreadyDecided(
        f"Another process goes on with the decision about the call {request.call_id!r:.100}, or has done so.",
        guidance="A decision is used once. Look at what became of the run there.",
    )


def not_on_record(request: ApprovalRequest) -> PolicyError:
    """The error for a decision that a journal tells of, and its store does not."""
    return PolicyError(
        f"The journal tells of a decision about the call {request.call_id!r:.100} that the store of reviews does not "
        "have, or that was used since.",
        guidance="The journal was changed, or is not the latest of the run.",
    )


def _labels(review: Review) -> dict[str, str]:
    request = review.request
    return {"status": review.status, "tool": request.tool_name, "agent": request.source_agent, "run": request.run_id}


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
