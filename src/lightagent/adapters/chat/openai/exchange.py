"""One request and its answer, within its time limits.

An answer without a stream has one deadline. A stream has two limits, for the attempt as a whole and for the time
without a byte. `asyncio.timeout` around every read would cost as much as reading a small event, so a `Watchdog` has one
timer for the whole stream: each wait only records when it began, and the timer checks at times how long ago that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import TypeVar

from lightagent.adapters._endpoints.faults import idle_too_long, took_too_long
from lightagent.adapters._endpoints.transports import Answer, Transport
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.aiokits.deadline import Deadline
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.origin import TraceHeaders

T = TypeVar("T")

_MIN_INTERVAL = 0.001
"""Seconds between two checks, at least."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds that an attempt may wait in all, and without receiving a byte."""

    total: float
    idle: float


class Watchdog:
    """Limits the waits of one attempt, beginning now. Time between the waits does not count."""

    __slots__ = ("_fault", "_idle", "_loop", "_remaining", "_timer", "_total", "_wait_began", "_waiter")

    def __init__(self, limits: TimeLimits) -> None:
        self._total = self._remaining = limits.total
        self._idle = limits.idle
        self._loop = asyncio.get_running_loop()
        self._wait_began = self._loop.time()
        self._waiter: asyncio.Task[object] | None = None
        self._fault: ProviderError | None = None
        self._timer = self._loop.call_at(self._end(self._wait_began), self._check)

    async def wait(self, something: Coroutine[object, object, T]) -> T:
        """Await `something` and return its result.

        Raises:
            ProviderError: LA-408, a limit was exceeded.
        """
        if (fault := self._exceeded()) is not None:
            something.close()
            raise fault
        waiter = asyncio.current_task()
        cancellations = 0 if waiter is None else waiter.cancelling()
        self._wait_began = self._loop.time()
        self._waiter = waiter
        try:
            return await something
        except asyncio.CancelledError:
            # The watchdog cancelled it, unless the task was also cancelled from outside; asyncio.timeout does the same.
            fault = self._exceeded()
            if fault is None or waiter is None or waiter.uncancel() > cancellations:
                raise
            raise fault from None
        finally:
            self._waiter = None
            self._remaining -= self._loop.time() - self._wait_began

    def stop(self) -> None:
        """Cancel the timer, after the last wait."""
        self._timer.cancel()

    def _exceeded(self) -> ProviderError | None:
        # A method, since type checkers do not expect an attribute to change during an `await`.
        return self._fault

    def _end(self, since: float) -> float:
        """Return when a wait that began at `since` exceeds a limit."""
        return since + min(self._remaining, self._idle)

    def _check(self) -> None:
        now = self._loop.time()
        end = self._end(now if self._waiter is None else self._wait_began)
        if self._waiter is None or now < end:
            # Between waits no limit runs, but the timer must not fire again at once.
            self._timer = self._loop.call_at(max(end, now + _MIN_INTERVAL), self._check)
            return
        self._fault = took_too_long(self._total) if self._remaining <= self._idle else idle_too_long(self._idle)
        self._waiter.cancel()


_DRAIN_SECONDS = 0.25
"""How long to wait for the end of the HTTP message after the end of the answer, to reuse the connection."""


async def collect(
    transport: Transport, body: bytes, total: float, reader: AnswerReader, trace: TraceHeaders = ()
) -> list[Delta]:
    """Return the whole answer. Without a stream a model sends nothing until it is done, so only `total` limits it."""
    deadline = Deadline(total)
    try:
        with deadline:
            answer = await transport.open(body, trace)
            deltas: list[Delta] = []
            try:
                while piece := await answer.read():
                    deltas.extend(reader.feed(piece))
            finally:
                await answer.close()
            deltas.extend(reader.end())
            return deltas
    except TimeoutError:
        if not deadline.expired:
            raise
    raise took_too_long(total)


async def follow(
    transport: Transport, body: bytes, limits: TimeLimits, reader: AnswerReader, trace: TraceHeaders = ()
) -> AsyncGenerator[Delta, None]:
    """Yield the answer while it arrives. Closing the generator early closes the connection."""
    watchdog = Watchdog(limits)
    answer: Answer | None = None
    try:
        answer = await watchdog.wait(transport.open(body, trace))
        while not reader.done and (piece := await _read_more(answer, watchdog, reader)):
            for delta in reader.feed(piece):
                yield delta
        for delta in reader.end():
            yield delta
        await _drain(answer)
    finally:
        watchdog.stop()
        if answer is not None:
            await answer.close()


async def _read_more(answer: Answer, watchdog: Watchdog, reader: AnswerReader) -> bytes:
    """Return the next bytes. A failure after the whole answer, while its usage is awaited, counts as the end."""
    try:
        return await watchdog.wait(answer.read())
    except ProviderError:
        if not reader.complete:
            raise
        return b""


async def _drain(answer: Answer) -> None:
    """Read to the end of the HTTP message if it comes soon: only then can the connection be reused."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await answer.read():
                pass
    except (TimeoutError, ProviderError):
        return
