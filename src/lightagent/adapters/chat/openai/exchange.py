"""The time limits of a stream, at the price of one timer for all of it.

`asyncio.timeout` around every read costs as much as reading a small event. Here a wait only notes when it began; the
timer, when it goes off, looks whether that was long ago, and if not comes back later.
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
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.origin import TraceHeaders

T = TypeVar("T")

_SHORTEST = 0.001
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds for the waits of an attempt in all, and without a byte."""

    total: float
    idle: float


class Watchdog:
    """Watches over the waits of one attempt, from now on. Time without a wait does not count."""

    __slots__ = ("_fault", "_idle", "_left", "_loop", "_since", "_timer", "_total", "_waiter")

    def __init__(self, limits: TimeLimits) -> None:
        self._total = self._left = limits.total
        self._idle = limits.idle
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._waiter: asyncio.Task[object] | None = None
        self._fault: ProviderError | None = None
        self._timer = self._loop.call_at(self._end(self._since), self._look)

    async def wait(self, something: Coroutine[object, object, T]) -> T:
        """What `something` gives, if it does so in time; else a `ProviderError`, LA-408."""
        if (fault := self._late()) is not None:
            something.close()
            raise fault
        waiter = asyncio.current_task()
        cancellations = 0 if waiter is None else waiter.cancelling()
        self._since = self._loop.time()
        self._waiter = waiter
        try:
            return await something
        except asyncio.CancelledError:
            # Ours, unless the task was also cancelled from outside: the same rule as in asyncio.timeout.
            fault = self._late()
            if fault is None or waiter is None or waiter.uncancel() > cancellations:
                raise
            raise fault from None
        finally:
            self._waiter = None
            self._left -= self._loop.time() - self._since

    def stop(self) -> None:
        """No more waits will follow."""
        self._timer.cancel()

    def _late(self) -> ProviderError | None:
        return self._fault

    def _end(self, since: float) -> float:
        """When a wait that began at `since` has taken too long."""
        return since + min(self._left, self._idle)

    def _look(self) -> None:
        now = self._loop.time()
        end = self._end(now if self._waiter is None else self._since)
        if self._waiter is None or now < end:
            # Without a wait nothing is late; the timer only must not come back at once.
            self._timer = self._loop.call_at(max(end, now + _SHORTEST), self._look)
            return
        self._fault = took_too_long(self._total) if self._left <= self._idle else idle_too_long(self._idle)
        self._waiter.cancel()


_DRAIN = 0.25
"""Seconds to wait for the end of the HTTP message after the end of the answer, to keep the connection."""


async def collect(
    transport: Transport, body: bytes, total: float, reader: AnswerReader, trace: TraceHeaders = ()
) -> list[Delta]:
    """The whole answer at once; a model that thinks sends nothing until it is done, so only the total counts."""
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
        while not reader.done and (piece := await _more(answer, watchdog, reader)):
            for delta in reader.feed(piece):
                yield delta
        for delta in reader.end():
            yield delta
        await _drain(answer)
    finally:
        watchdog.stop()
        if answer is not None:
            await answer.close()


async def _more(answer: Answer, watchdog: Watchdog, reader: AnswerReader) -> bytes:
    """Return the next bytes. A failure after the whole answer, while its usage is awaited, counts as the end."""
    try:
        return await watchdog.wait(answer.read())
    except ProviderError:
        if not reader.complete:
            raise
        return b""


async def _drain(answer: Answer) -> None:
    """Read to the end of the message if it comes soon: a connection whose answer was not read cannot be used again."""
    try:
        async with asyncio.timeout(_DRAIN):
            while await answer.read():
                pass
    except (TimeoutError, ProviderError):
        return
