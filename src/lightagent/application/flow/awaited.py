"""An approval request of a step, and where its decision is found, whether this process or another records it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lightagent.application.review_streams import ReviewStreams
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journal_streams import StreamKey
from lightagent.domain.review_log import Review

_NEWS: Final = ("decided", "taken", "revoked")
"""A decision is taken before the run has it on record, so one whose process died in between is news as well; so is one
that was taken back, since people are asked anew then."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A request about something in a run, of whose answer the run has nothing on record.

    Attributes:
        streams: what its review is kept in.
        key: its stream there.
        expires: when the time to decide runs out, in seconds of the clock; None: never.
    """

    streams: ReviewStreams
    key: StreamKey
    expires: float | None = None

    async def answered(self) -> Review | None:
        """Its review once there is news of it; None before that, and where it cannot be read now."""
        with suppress(StoreError, ConfigurationError):
            review = await self.streams.read(self.key)
            if review is not None and review.status in _NEWS:
                return review
        return None
