"""Whether a model request that failed is retried, and when; the decision is recorded before the wait begins."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Generic
from zlib import crc32

from lightagent.aiokits.deadline import Deadline
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import DEFAULT_LIMITS
from lightagent.domain.runs.events import Noted
from lightagent.domain.runs.replies import refused_request
from lightagent.domain.runs.retries import (
    MOST_UNREACHED,
    RETRY,
    UNREACHED_SECONDS,
    is_adaption,
    is_unreached,
    retry_pause,
    retry_text,
)

_LOGGER: Final = logging.getLogger("lightagent")

_MOST_SECONDS: Final = 1e9
"""A longer pause is ignored: no deadline allows it."""


class Retries(Generic[DepsT]):
    """The attempts at one request, as of the first that failed.

    A server that cannot be reached at all is given up after few attempts, since it is seldom there a minute later:
    it was not started, or its address is wrong. A number of attempts that the caller sets holds for such a server, too.

    Args:
        live: the run.
        deadline: when the request must be over, with all its attempts.
    """

    def __init__(self, live: ActiveRun[DepsT], deadline: Deadline) -> None:
        self._live = live
        self._deadline = deadline
        # A journal keeps only the number; that it was given shows in the agent, or in a number other than the default.
        self._insists = (
            live.record.insists
            or live.means.limits.says_max_retry
            or live.run.limits.max_retry != DEFAULT_LIMITS.max_retry
        )
        self._unreached = 0
        self._since = live.clock.monotonic() - deadline.spent()

    async def again(self, *, delivered: bool) -> bool:
        """Record the failure, and wait for the next attempt; False if there is none, and the failure ends the run.

        Args:
            delivered: a part of the answer was shown, and cannot be withdrawn.
        """
        live, cause = self._live, self._live.record.cause
        if cause is None:
            return False
        error = classify_exception(cause)
        most, left = self._bounds(error)
        pause = None if delivered else self._pause(error, _requested_pause(cause), most, left)
        failed = live.failed_attempt(error, refused_request(error) if pause is None else None)
        if failed is not None:
            await live.tell(failed)
        if pause is None:
            return False
        live.record.cause = None
        if not is_adaption(error):
            await self._tell(error, most, pause)
        await asyncio.sleep(pause)
        return True

    def _bounds(self, error: LightAgentErrorInfo) -> tuple[int, float]:
        """The maximum of attempts in all, and the seconds that are left for them."""
        run, left, now = self._live.run, self._deadline.remaining(), self._live.clock.monotonic()
        if not is_unreached(error):
            self._unreached, self._since = 0, now
            return run.limits.max_retry, left
        self._unreached += 1
        if self._insists:
            return run.limits.max_retry, left
        answered = run.failures + 1 - self._unreached  # attempts that reached a server, which refused
        most = min(run.limits.max_retry, answered + MOST_UNREACHED)
        return most, min(left, UNREACHED_SECONDS - (now - self._since))

    def _pause(self, error: LightAgentErrorInfo, asked: float | None, most: int, left: float) -> float | None:
        live = self._live
        # Drawn from the run's own source of ids, so that a run is repeatable wherever its ids are.
        chance = crc32(live.means.ids.new().encode()) / 0xFFFFFFFF if error.retryable and asked is None else 0.0
        # The attempts of a request that did not fail were refused for their form, or a crash interrupted them.
        adaptions = live.run.attempt - live.run.failures
        return retry_pause(
            error, live.run.failures + 1, most, adaptions=adaptions, left=left, chance=chance, asked=asked
        )

    async def _tell(self, error: LightAgentErrorInfo, most: int, pause: float) -> None:
        live = self._live
        attempt = live.run.failures + 1
        text = retry_text(attempt, most, error.code, pause)
        _LOGGER.warning("%s %s retry: %s", live.run.head.name, live.run.started.trace_id, text)
        told: JsonObject = {"attempt": attempt, "of": most, "code": error.code, "seconds": pause, "text": text}
        await live.tell(Noted(RETRY, told, live.clock.now()))


def _requested_pause(cause: Exception) -> float | None:
    """The pause that the provider asked for, in seconds; None unless the error holds a usable number."""
    asked: object = cause.retry_after if isinstance(cause, ProviderError) else None
    if not isinstance(asked, (int, float)) or isinstance(asked, bool):
        return None
    return float(asked) if 0 <= asked < _MOST_SECONDS else None
