"""Vectors that are kept: made once, within bounds of time, and not asked for while the embedder is down."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import pytest

from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.application.tool_selection.vector_cache import LONG_PAUSE, PAUSE, VectorCache
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.testing import ManualClock

TEXTS = [f"tool number {number} does this" for number in range(40)]
SOON = 0.05


class SlowEmbedder(ScriptedEmbedder):
    """Answers as many calls as it was told; the others wait until it goes on."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.waits, self.goes_on = asyncio.Event(), asyncio.Event()

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        if self.calls <= 0:
            self.waits.set()
            await self.goes_on.wait()
        self.calls -= 1
        return await super().embed(texts, role)


async def eventually(kept: VectorCache) -> list[Vector]:
    """The vectors, as soon as they are made by the work that goes on."""
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)
    return await kept.documents(TEXTS)


class Failing:
    """What a scripted embedder raises as long as it is told to."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __call__(self, texts: Sequence[str]) -> None:
        if self.error is not None:
            raise self.error


async def test_the_vector_of_a_text_is_made_once_in_batches() -> None:
    embedder = ScriptedEmbedder()
    kept = VectorCache(embedder, ManualClock())
    first = await kept.documents(TEXTS)
    assert [len(texts) for _, texts in embedder.asked] == [16, 16, 8]
    assert await kept.documents(TEXTS[::-1]) == first[::-1]
    assert len(embedder.asked) == 3
    await kept.documents([*TEXTS, "a new one"])
    assert [texts for _, texts in embedder.asked if len(texts) == 1] == [("a new one",)]


async def test_equal_texts_have_one_vector() -> None:
    embedder = ScriptedEmbedder()
    one, other = await VectorCache(embedder, ManualClock()).documents(["the same", "the same"])
    assert one == other
    assert list(embedder.asked) == [("document", ("the same",))]


async def test_callers_at_the_same_time_have_them_made_once() -> None:
    embedder = ScriptedEmbedder()
    kept = VectorCache(embedder, ManualClock())
    answers = await asyncio.gather(*(kept.documents(TEXTS) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert len(embedder.asked) == 3


def test_it_serves_one_event_loop_after_another() -> None:
    embedder = ScriptedEmbedder()
    kept = VectorCache(embedder, ManualClock())
    first = asyncio.run(kept.documents(TEXTS))
    assert asyncio.run(kept.documents(TEXTS)) == first
    assert len(embedder.asked) == 3


async def test_what_takes_too_long_goes_on_being_made() -> None:
    embedder, clock = SlowEmbedder(calls=2), ManualClock()
    kept = VectorCache(embedder, clock, SOON)
    with pytest.raises(ProviderError, match="The vectors of 40 texts are not all made yet; 32 are") as raised:
        await kept.documents(TEXTS)
    assert raised.value.code == "LA-408"
    clock.advance(SOON)
    with pytest.raises(ProviderError, match="not all made yet; 32 are"):
        await kept.documents(TEXTS)  # Which does not wait any more.
    embedder.calls = 1
    embedder.goes_on.set()
    assert len(await eventually(kept)) == len(TEXTS)
    assert [len(texts) for _, texts in embedder.asked] == [16, 16, 8]


def test_what_an_event_loop_ends_goes_on_in_the_next() -> None:
    embedder = SlowEmbedder(calls=2)
    kept = VectorCache(embedder, ManualClock(), SOON)
    with pytest.raises(ProviderError, match="32 are"):
        asyncio.run(kept.documents(TEXTS))
    embedder.calls = 1
    assert len(asyncio.run(kept.documents(TEXTS))) == len(TEXTS)
    assert [len(texts) for _, texts in embedder.asked] == [16, 16, 8]


async def test_an_embedder_that_does_not_answer_is_left_alone_for_a_while() -> None:
    embedder, clock = SlowEmbedder(calls=0), ManualClock()
    kept = VectorCache(embedder, clock, SOON)
    with pytest.raises(ProviderError, match="did not answer within"):
        await kept.documents(TEXTS)
    with pytest.raises(ProviderError, match="not asked again for 30 s") as raised:
        await kept.documents(TEXTS)
    assert raised.value.code == "LA-408"
    embedder.calls = 10
    embedder.goes_on.set()
    clock.advance(PAUSE)
    assert len(await eventually(kept)) == len(TEXTS)
    embedder.calls = 0
    embedder.goes_on.clear()
    with pytest.raises(ProviderError, match="did not answer within"):
        await kept.query("one")


async def test_an_embedder_that_was_slow_to_begin_is_asked_again_once_it_answers() -> None:
    embedder = SlowEmbedder(calls=0)
    kept = VectorCache(embedder, ManualClock(), SOON)
    with pytest.raises(ProviderError, match="did not answer within"):
        await kept.documents(TEXTS)
    embedder.calls = 10
    embedder.goes_on.set()
    assert len(await eventually(kept)) == len(TEXTS)
    assert len(await kept.query("one")) == embedder.dimension


def _later(seconds: float) -> ProviderError:
    error = ProviderError("Slow down.", code="LA-429")
    error.retry_after = seconds
    return error


@pytest.mark.parametrize(
    ("error", "code", "pause"),
    [
        (ProviderError("It is down.", code="LA-503"), "LA-503", PAUSE),
        (ProviderError("There is no key.", code="LA-401", retryable=False), "LA-401", LONG_PAUSE),
        (_later(7.0), "LA-429", 7.0),
        (_later(1e9), "LA-429", LONG_PAUSE),
        (ConfigurationError("The model cannot be loaded.", guidance="Use another."), "LA-CONFIG", LONG_PAUSE),
        (ZeroDivisionError("in somebody's code"), "LA-UNKNOWN", LONG_PAUSE),
    ],
)
async def test_an_embedder_that_fails_is_left_alone(error: Exception, code: str, pause: float) -> None:
    failing, clock = Failing(error), ManualClock()
    embedder = ScriptedEmbedder(fail=failing)
    kept = VectorCache(embedder, clock)
    with pytest.raises(ProviderError) as raised:
        await kept.documents(TEXTS)
    assert raised.value.code == code
    failing.error = None
    clock.advance(pause - 0.5)
    with pytest.raises(ProviderError, match="not asked again") as again:
        await kept.query("anything")
    assert again.value.code == code
    assert len(embedder.asked) == 1
    clock.advance(0.5)
    assert len(await kept.documents(TEXTS)) == len(TEXTS)


async def test_what_came_before_a_failure_is_kept() -> None:
    def fail(texts: Sequence[str]) -> None:
        if TEXTS[20] in texts:
            raise ProviderError("It is down.", code="LA-503")

    clock = ManualClock()
    embedder = ScriptedEmbedder(fail=fail)
    kept = VectorCache(embedder, clock)
    with pytest.raises(ProviderError):
        await kept.documents(TEXTS)
    await_later = len(embedder.asked)
    clock.advance(PAUSE)
    assert len(await kept.documents(TEXTS[:16])) == 16
    assert len(embedder.asked) == await_later


async def test_all_who_have_the_embedder_share_its_vectors() -> None:
    embedder = ScriptedEmbedder()
    first = await VectorCache(embedder, ManualClock()).documents(TEXTS)
    assert await VectorCache(embedder, ManualClock()).documents(TEXTS) == first
    assert len(embedder.asked) == 3
    gone = weakref.ref(embedder)
    del embedder
    gc.collect()
    assert gone() is None


class NoHash(ScriptedEmbedder):
    """Cannot be a key."""

    __hash__ = None  # type: ignore[assignment]


async def test_an_embedder_without_a_hash_shares_nothing() -> None:
    embedder = NoHash()
    kept = VectorCache(embedder, ManualClock())
    assert await kept.documents(TEXTS) == await kept.documents(TEXTS)
    await VectorCache(embedder, ManualClock()).documents(TEXTS)
    assert len(embedder.asked) == 6


class Wrong(ScriptedEmbedder):
    """Gives what it should not."""

    def __init__(self, vectors: list[Vector]) -> None:
        super().__init__()
        self.vectors = vectors

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        return self.vectors


async def test_too_few_vectors_are_refused() -> None:
    with pytest.raises(ProviderError, match="gave 0 vectors of 2 texts"):
        await VectorCache(Wrong([]), ManualClock()).documents(["a", "b"])


async def test_vectors_of_several_dimensions_are_refused() -> None:
    from array import array

    with pytest.raises(ProviderError, match="of 1, 2 numbers"):
        await VectorCache(Wrong([array("f", [1]), array("f", [1, 0])]), ManualClock()).documents(["a", "b"])


async def test_a_caller_that_is_cancelled_leaves_the_work_to_others() -> None:
    embedder = SlowEmbedder(calls=1)
    kept = VectorCache(embedder, ManualClock(), 60)
    first, second = asyncio.create_task(kept.documents(TEXTS)), asyncio.create_task(kept.documents(TEXTS))
    await embedder.waits.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    embedder.calls = 10
    embedder.goes_on.set()
    assert len(await second) == len(TEXTS)
    assert [len(texts) for _, texts in embedder.asked] == [16, 16, 8]
