"""One request and its answer, within the time it may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from lightagent.adapters._endpoints.faults import took_too_long
from lightagent.adapters._endpoints.transports import Answer, Transport
from lightagent.adapters.chat.openai.answers import AnswerReader
from lightagent.adapters.chat.openai.watchdog import TimeLimits, Watchdog
from lightagent.aiokits.deadline import Deadline
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.origin import TraceHeaders

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
