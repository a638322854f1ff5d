"""Reviews as streams of a journal store, one stream for each request: how they are named, read, written and removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.aiokits.paging import all_pages
from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import all_entries
from lightagent.application.reviews.remembered_decisions import KIND as REMEMBERED
from lightagent.domain.errors import ConfigurationError, Fenced, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import (
    Review,
    ReviewDecided,
    ReviewEntry,
    ReviewExpired,
    ReviewRevoked,
    advance_review,
    check_decision,
)
from lightagent.domain.review.requests import ApprovalRequest
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "review"
"""The kind of the streams that hold reviews."""

STATUS, RUN = "status", "run"
"""Labels of these streams: the status of the review, and the id of the run that asks."""

TAKEN_BACK: Final = "The turn was taken back."
"""The reason for reviews that are revoked together with their turn."""


class ReviewStreams:
    """The streams of reviews in a store.

    Args:
        clock: tells the time, in seconds since 1970.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self.store = store
        self.clock = clock

    async def read(self, key: StreamKey) -> Review | None:
        """The review in a stream, as it is on record; None if there is none.

        Raises:
            ConfigurationError: the log of the review was changed.
            StoreError: the store cannot be read, or what it holds was damaged.
        """
        review: Review | None = None
        async for entry in all_entries(self.store, key):
            review = advance_review(review, _CODEC.read(entry))
        if review is not None and review_key(review.request) != key:
            raise ConfigurationError("The log of a review is that of another one.", guidance="It was changed.")
        return review

    async def read_as_of_now(self, key: StreamKey) -> Review | None:
        """The same, as expired if its time is over."""
        review = await self.read(key)
        return None if review is None else review.as_of(self.clock())

    async def append(
        self, key: StreamKey, review: Review | None, entry: ReviewEntry, token: int | None = None
    ) -> Review:
        """The review after one more entry, which is on record.

        Args:
            review: as it was read; None if the stream is empty.
            token: of the lease that the writer holds, if it holds one.

        Raises:
            StreamConflict, Fenced: another process has appended since, or holds the lease.
            StoreError: the store cannot be written.
        """
        moved = advance_review(review, entry)
        expected = 0 if review is None else review.head
        now, labels = moved.changed_at or self.clock(), _labels(moved)
        await self.store.append(key, [_CODEC.draft(entry)], expected=expected, at=now, labels=labels, token=token)
        return moved

    async def decide(self, key: StreamKey, review: Review, decision: ApprovalDecision) -> Review:
        """The review with a decision, which is on record.

        Raises:
            ConfigurationError: the review was forgotten meanwhile.
            PolicyError: there is a decision already, or this one is not allowed.
            StoreError: the store cannot be read or written.
        """
        while True:
            await self.expire(key, review)
            check_decision(review.as_of(self.clock()), decision)
            try:
                return await self.append(key, review, ReviewDecided(decision, self.clock()))
            except (StreamConflict, Fenced):
                review = await self.read_again(key)

    async def read_again(self, key: StreamKey) -> Review:
        """The review of a stream that was there before, as of now.

        Raises:
            ConfigurationError: it was forgotten meanwhile.
            StoreError: the store cannot be read.
        """
        review = await self.read_as_of_now(key)
        if review is None:
            raise ConfigurationError(f"The request {key.id!r:.100} no longer exists.", guidance="It was forgotten.")
        return review

    async def expire(self, key: StreamKey, review: Review) -> None:
        """Put on record that a review has expired, if it has. Another process may do so at the same time."""
        now = self.clock()
        if review.as_of(now).status != "expired":
            return
        kept = await self.read(key)
        if kept is not None and kept.expires_by(now):
            try:
                await self.append(key, kept, ReviewExpired(now))
            except (StreamConflict, Fenced):
                return


def review_key(request: ApprovalRequest) -> StreamKey:
    """The stream of a review, which belongs to the tenant, the user and the session that the run belongs to."""
    return StreamKey(Scope(request.tenant, request.user_id, request.session_id), KIND, request.request_id)


async def forget_reviews(store: JournalStore, scope: Scope, *, run_id: str = "") -> None:
    """Remove the reviews of a run, or those of the session of `scope` with the decisions that hold in it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    owner = StreamQuery(tenant=scope.tenant, user=scope.user)
    if run_id:
        queries = [replace(owner, kind=KIND, labels={RUN: run_id})]
    elif scope.session:
        queries = [replace(owner, kind=kind, session=scope.session) for kind in (KIND, REMEMBERED)]
    else:
        return
    for query in queries:
        for key in await _keys(store, query):
            await store.forget(key)


async def withdraw_reviews(streams: ReviewStreams, owner: Scope, run_id: str, reason: str) -> None:
    """Revoke the requests of a run of this owner that will not go on, so that they can no longer be decided.

    Used ones stay on record, and unreadable ones stay unchanged.

    Raises:
        StoreError: the store cannot be read or written.
    """
    query = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user, labels={RUN: run_id})
    for key in await _keys(streams.store, query):
        with suppress(ConfigurationError, Fenced):
            await _withdraw(streams, key, reason)


async def _withdraw(streams: ReviewStreams, key: StreamKey, reason: str) -> None:
    while (review := await streams.read(key)) is not None and review.status in ("waiting", "decided"):
        with suppress(StreamConflict):  # It was decided at the same moment.
            await streams.append(key, review, ReviewRevoked("", reason, streams.clock()))


async def _keys(store: JournalStore, query: StreamQuery) -> list[StreamKey]:
    """The streams that match, as far as they can be read; those that cannot be read stay."""
    pages = all_pages(lambda cursor: store.list(replace(query, cursor=cursor)))
    return [stream.key async for page in pages for stream in page.streams]


def _labels(review: Review) -> dict[str, str]:
    request = review.request
    return {STATUS: review.status, "tool": request.tool_name, "agent": request.source_agent, RUN: request.run_id}


@cache
def _adapter() -> TypeAdapter[ReviewEntry]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[ReviewEntry, Field(discriminator="type")])


_CODEC: Final = EntryCodec("Review", _adapter)
