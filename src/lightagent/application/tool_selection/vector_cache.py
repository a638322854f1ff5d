"""Vectors of texts, made once: kept by content, within bounds of time, and not asked for while an embedder is down."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from lightagent.aiokits.abandon import TimeIsUp, within
from lightagent.aiokits.observed_work import observe
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ProviderError
from lightagent.domain.text.vectors import TextRole, Vector, is_vector
from lightagent.ports.embedding import Embedder, embedder_facts
from lightagent.ports.system import Clock

T = TypeVar("T")

SECONDS: Final = 4.0
"""How long a caller waits for vectors."""

BATCH_SECONDS: Final = 60.0
"""How long an embedder may take for one batch that is made in the background."""

PAUSE: Final = 30.0
"""Seconds for which an embedder is left alone that has failed."""

LONG_PAUSE: Final = 300.0
"""The same where it says that it will fail again, such as for want of a key."""

_MOST_KEPT: Final = 20_000
"""Vectors that are kept, at least; of more, those of the texts that were asked for last."""

_Vectors = dict[bytes, Vector]


@dataclass(slots=True)
class _Work:
    """Texts of which vectors are being made, for all callers that want them.

    Attributes:
        began: when, by the clock.
        made: those that are there.
        task: ends when all are.
    """

    began: float
    made: _Vectors
    task: asyncio.Task[None]


@dataclass(slots=True)
class _Loop:
    """The work of all callers in one event loop, of which one piece is done after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    work: dict[bytes, _Work] = field(default_factory=dict)


@dataclass(slots=True)
class _Store:
    """What is kept for an embedder. It does not refer to it.

    Attributes:
        vectors: by the hash of name and text, those that were used last at the end.
        failed: why the embedder is left alone, and until when.
        loops: what goes on.
    """

    vectors: OrderedDict[bytes, Vector] = field(default_factory=OrderedDict)
    failed: tuple[ProviderError, float] | None = None
    loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = field(default_factory=WeakKeyDictionary)


class VectorCache:
    """The vectors of an embedder, the same for all who have it. Serves any number of callers, from any event loop.

    Many vectors can take minutes. A caller waits a few seconds for them; they go on being made in a task of its event
    loop, and a caller that asks meanwhile is told so at once. If the loop ends before, each batch that came is kept.

    Args:
        embedder: makes them.
        clock: tells when a pause is over.
        seconds: how long one caller waits.
    """

    def __init__(self, embedder: Embedder, clock: Clock, seconds: float = SECONDS) -> None:
        self._embedder = embedder
        self._clock = clock
        self._seconds = seconds
        self._store = _store_of(embedder)

    async def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vector of each text that may be found.

        Raises:
            ProviderError: the embedder failed, or is left alone after it did, or needs more time than a caller has.
        """
        keys = await run_in_thread(_keys, self._embedder.name, texts)
        found = {key: vector for key in keys if (vector := self._store.vectors.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            found |= await self._made(missing, sha256(b"".join(keys)).digest())
        self._remember(found)
        vectors = [found[key] for key in keys]
        _check_dimension(vectors)
        return vectors

    async def query(self, text: str) -> Vector:
        """The vector of a text that is searched for.

        Raises:
            ProviderError: as for `documents`.
        """
        self._check_pause()
        (vector,) = await self._embed_within(self._embed((text,), "query"), self._seconds)
        return vector

    async def _made(self, missing: Mapping[bytes, str], wanted: bytes) -> _Vectors:
        """The vectors of these texts, as soon as all of them are made.

        Args:
            wanted: stands for all texts that were asked for, those with vectors included: callers that ask for the same
                texts share the work.
        """
        self._check_pause()
        work = self._begun(missing, wanted)
        before = len(work.made)
        left = work.began + self._seconds - self._clock.monotonic()
        # A caller that is cancelled here leaves the work to the others.
        await asyncio.wait((work.task,), timeout=max(left, 0.0))
        if work.task.done():
            if work.task.cancelled():  # As whatever an event loop cancels that is about to end.
                raise _unfinished(len(work.made), len(missing))
            work.task.result()
            return work.made
        if len(work.made) > before or left <= 0:
            raise _unfinished(len(work.made), len(missing))
        raise self._left_alone(_too_slow(self._embedder, self._seconds))

    def _begun(self, missing: Mapping[bytes, str], wanted: bytes) -> _Work:
        """The work on these texts, which all callers share."""
        loop = self._store.loops.setdefault(asyncio.get_running_loop(), _Loop())
        work = loop.work.get(wanted)
        if work is None:
            made: _Vectors = {}
            task = asyncio.create_task(self._make(missing, made, loop.lock))
            work = loop.work[wanted] = _Work(self._clock.monotonic(), made, task)
            task.add_done_callback(lambda ended: _forget(loop, wanted, ended))
        return work

    async def _make(self, missing: Mapping[bytes, str], made: _Vectors, lock: asyncio.Lock) -> None:
        async with lock:
            made |= {key: vector for key in missing if (vector := self._store.vectors.get(key)) is not None}
            keys = [key for key in missing if key not in made]
            size = max(1, self._embedder.max_batch)
            for start in range(0, len(keys), size):
                batch = keys[start : start + size]
                embedded = self._embed([missing[key] for key in batch], "document")
                vectors = await self._embed_within(embedded, max(BATCH_SECONDS, self._seconds))
                made.update(zip(batch, vectors, strict=True))
                self._store.vectors.update(zip(batch, vectors, strict=True))

    async def _embed(self, texts: Sequence[str], role: TextRole) -> Sequence[Vector]:
        with observe("embeddings", embedder_facts(self._embedder, texts)):
            vectors = await self._embedder.embed(texts, role)
        if len(vectors) != len(texts):
            raise ProviderError(
                f"The embedder {self._embedder.name!r:.80} gave {len(vectors)} vectors of {len(texts)} texts.",
                code="LA-500",
                retryable=False,
            )
        if not all(map(is_vector, vectors)):
            raise ProviderError(
                f"The embedder {self._embedder.name!r:.80} did not return a vector of finite numbers with length 1.",
                code="LA-500",
                guidance="unit_vector of lightagent.domain.text.vectors makes one of any numbers.",
                retryable=False,
            )
        return vectors

    async def _embed_within(self, work: Coroutine[object, object, T], seconds: float) -> T:
        """What the embedder gives in time. Once it answers it is left alone no longer.

        Raises:
            ProviderError: it failed, and is left alone from now on.
        """
        try:
            answer = await within(seconds, work)
        except TimeIsUp:
            raise self._left_alone(_too_slow(self._embedder, seconds)) from None
        except FAILURES as raised:  # The embedder may be foreign code, perhaps behind a network.
            raise self._left_alone(failure(raised)) from raised
        self._store.failed = None
        return answer

    def _check_pause(self) -> None:
        """Refuse to ask an embedder that is left alone."""
        if self._store.failed is None:
            return
        error, until = self._store.failed
        left = until - self._clock.monotonic()
        if left > 0:
            raise ProviderError(
                f"{error.message} It is not asked again for {left:.0f} s.",
                code=error.code,
                guidance=error.guidance,
                retryable=error.retryable,
            )
        self._store.failed = None

    def _left_alone(self, error: Exception) -> ProviderError:
        """The error as one of a provider; for a while the embedder is not asked again."""
        info = classify_exception(error)
        told = ProviderError(info.message, code=info.code, guidance=info.guidance, retryable=info.retryable)
        pause = PAUSE if info.retryable else LONG_PAUSE
        if isinstance(error, ProviderError) and error.retry_after is not None:
            pause = min(max(error.retry_after, 1.0), LONG_PAUSE)
        self._store.failed = told, self._clock.monotonic() + pause
        return told

    def _remember(self, used: _Vectors) -> None:
        """Keep what was used last; of the rest as much as there is room for."""
        for key in used:
            self._store.vectors.pop(key, None)
        self._store.vectors.update(used)
        while len(self._store.vectors) > max(_MOST_KEPT, len(used)):
            self._store.vectors.popitem(last=False)


_STORES: Final[WeakKeyDictionary[Embedder, _Store]] = WeakKeyDictionary()
_STORES_LOCK: Final = threading.Lock()


def _store_of(embedder: Embedder) -> _Store:
    """What is kept for an embedder, as long as there is the embedder: many programs make an agent for each request."""
    try:
        with _STORES_LOCK:
            return _STORES.setdefault(embedder, _Store())
    except TypeError:  # It has no hash, or cannot be referred to weakly.
        return _Store()


def _keys(space: str, texts: Sequence[str]) -> list[bytes]:
    return [sha256(f"{space}\0{text}".encode("utf-8", "replace")).digest() for text in texts]


def _forget(loop: _Loop, wanted: bytes, ended: asyncio.Task[None]) -> None:
    loop.work.pop(wanted, None)
    if not ended.cancelled():
        ended.exception()  # Marks the error as seen: perhaps no caller waits for it any more.


def _unfinished(made: int, wanted: int) -> ProviderError:
    return ProviderError(
        f"The vectors of {wanted} texts are not all made yet; {made} are.",
        code="LA-408",
        guidance="The rest is made in the background; ask again later.",
    )


def _too_slow(embedder: Embedder, seconds: float) -> ProviderError:
    return ProviderError(f"The embedder {embedder.name!r:.80} did not answer within {seconds:g} s.", code="LA-408")


def _check_dimension(vectors: Sequence[Vector]) -> None:
    dimensions = {len(vector) for vector in vectors}
    if len(dimensions) > 1:
        raise ProviderError(
            f"The embedder gave vectors of {', '.join(map(str, sorted(dimensions)))} numbers; all must have as many.",
            code="LA-500",
            retryable=False,
        )
