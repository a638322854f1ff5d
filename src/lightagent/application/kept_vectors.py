"""Vectors of texts, made once: kept by content, within bounds of time, and not asked for while an embedder is down."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from hashlib import sha256
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from lightagent.aiokits.abandon import TimeIsUp, within
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ProviderError
from lightagent.domain.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder
from lightagent.ports.system import Clock

T = TypeVar("T")

SECONDS: Final = 4.0
"""How long a caller waits for vectors."""

PAUSE: Final = 30.0
"""Seconds for which an embedder is left alone that has failed."""

LONG_PAUSE: Final = 300.0
"""The same where it says that it will fail again, such as for want of a key."""

_MOST_KEPT: Final = 20_000
"""Vectors that are kept, at least; of more, those of the texts that were asked for last."""


class KeptVectors:
    """The vectors of an embedder. Serves any number of callers at once, from any event loop.

    What takes too long is not lost: each batch is kept as it comes, and the next caller goes on from there.

    Args:
        embedder: makes them.
        clock: tells when a pause is over.
        seconds: how long one caller waits.
    """

    def __init__(self, embedder: Embedder, clock: Clock, seconds: float = SECONDS) -> None:
        self._embedder = embedder
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[bytes, Vector] = OrderedDict()
        self._failed: tuple[ProviderError, float] | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vector of each text that may be found.

        Raises:
            ProviderError: the embedder failed, or is left alone after it did, or needs more time than a caller has.
        """
        keys = [self._key(text) for text in texts]
        found = {key: vector for key in keys if (vector := self._kept.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            # Callers that need the same vectors at the same time have them made once.
            lock = self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
            made: dict[bytes, Vector] = {}
            try:
                await self._ask(self._make(missing, made, lock))
            except TimeIsUp:
                raise self._unfinished(len(made), len(texts)) from None
            found |= made
        self._remember(found)
        vectors = [found[key] for key in keys]
        _check_dimension(vectors)
        return vectors

    async def query(self, text: str) -> Vector:
        """The vector of a text that is searched for.

        Raises:
            ProviderError: as for `documents`.
        """
        try:
            (vector,) = await self._ask(self._embed((text,), "query"))
        except TimeIsUp:
            raise self._slow(f"did not answer within {self._seconds:g} s") from None
        return vector

    async def _make(self, missing: dict[bytes, str], made: dict[bytes, Vector], lock: asyncio.Lock) -> None:
        async with lock:
            made |= {key: vector for key in missing if (vector := self._kept.get(key)) is not None}
            keys = [key for key in missing if key not in made]
            size = max(1, self._embedder.max_batch)
            for start in range(0, len(keys), size):
                batch = keys[start : start + size]
                vectors = await self._embed([missing[key] for key in batch], "document")
                made.update(zip(batch, vectors, strict=True))
                self._kept.update(zip(batch, vectors, strict=True))

    async def _embed(self, texts: Sequence[str], role: TextRole) -> Sequence[Vector]:
        vectors = await self._embedder.embed(texts, role)
        if len(vectors) != len(texts):
            raise ProviderError(
                f"The embedder {self._embedder.name!r:.80} gave {len(vectors)} vectors of {len(texts)} texts.",
                code="LA-500",
                retryable=False,
            )
        return vectors

    async def _ask(self, work: Coroutine[object, object, T]) -> T:
        """What the embedder gives in time, unless it is left alone.

        Raises:
            ProviderError: it failed, or is left alone.
            TimeIsUp: it needs longer.
        """
        if self._failed is not None and (left := self._failed[1] - self._clock.monotonic()) > 0:
            work.close()
            raise _failed_before(self._failed[0], left)
        self._failed = None
        try:
            return await within(self._seconds, work)
        except TimeIsUp:
            raise
        except FAILURES as raised:  # An embedder of anybody's, perhaps behind a network.
            raise self._leave_alone(failure(raised)) from raised

    def _unfinished(self, made: int, wanted: int) -> ProviderError:
        """What a caller is told for whom not all vectors are there in time."""
        if made:
            return ProviderError(
                f"The vectors of {wanted} texts are not all made yet; those of {made} more are since this was asked.",
                code="LA-408",
                guidance="The next one to ask goes on from there.",
            )
        return self._slow(f"made no vectors within {self._seconds:g} s")

    def _slow(self, what: str) -> ProviderError:
        return self._leave_alone(
            ProviderError(f"The embedder {self._embedder.name!r:.80} {what}.", code="LA-408", guidance="")
        )

    def _leave_alone(self, error: Exception) -> ProviderError:
        """The error as one of a provider; for a while the embedder is not asked again."""
        info = classify_exception(error)
        told = ProviderError(info.message, code=info.code, guidance=info.guidance, retryable=info.retryable)
        pause = PAUSE if info.retryable else LONG_PAUSE
        if isinstance(error, ProviderError) and error.retry_after is not None:
            pause = min(max(error.retry_after, 1.0), LONG_PAUSE)
        self._failed = told, self._clock.monotonic() + pause
        return told

    def _key(self, text: str) -> bytes:
        return sha256(f"{self._embedder.name}\0{text}".encode("utf-8", "replace")).digest()

    def _remember(self, used: dict[bytes, Vector]) -> None:
        """Keep what was used last; of the rest as much as there is room for."""
        for key in used:
            self._kept.pop(key, None)
        self._kept.update(used)
        while len(self._kept) > max(_MOST_KEPT, len(used)):
            self._kept.popitem(last=False)


def _failed_before(error: ProviderError, seconds: float) -> ProviderError:
    return ProviderError(
        f"{error.message} It is not asked again for {seconds:.0f} s.",
        code=error.code,
        guidance=error.guidance,
        retryable=error.retryable,
    )


def _check_dimension(vectors: Sequence[Vector]) -> None:
    dimensions = {len(vector) for vector in vectors}
    if len(dimensions) > 1:
        raise ProviderError(
            f"The embedder gave vectors of {', '.join(map(str, sorted(dimensions)))} numbers; all must have as many.",
            code="LA-500",
            retryable=False,
        )
