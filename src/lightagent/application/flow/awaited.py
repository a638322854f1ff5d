"""An approval request of a step, and where its decision is found, whether this process or another records it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lightagent.application.reviews.streams import ReviewStreams
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.review.log import Review

_NEWS: Final = ("decided", "taken", "revoked")
"""A decision is taken before the run has it on record, so a taken one may be left from a process that died in between.
A revoked request counts as news as well, since people are asked anew then."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An open request of a run, whose answer the run does not have on record.

    Attributes:
        streams: the store of its review.
        key: its stream there.
        expires: when the time to decide runs out, in seconds of the clock; None: never.
    """

    streams: ReviewStreams
    key: StreamKey
    expires: float | None = None

    async def answered(self) -> Review | None:
        """Its review once it was decided, taken or revoked; None before that, and if it cannot be read now."""
        with suppress(StoreError, ConfigurationError):
            review = await self.streams.read(self.key)
            if review is not None and review.status in _NEWS:
                return review
        return None
