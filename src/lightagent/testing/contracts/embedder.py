"""What every embedder must do: subclass `EmbedderContract`, say the kind, and pytest certifies the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import hypot
from typing import ClassVar

from lightagent.adapters.registry import open_adapter
from lightagent.domain.text.vectors import Vector, similarities
from lightagent.ports.embedding import Embedder

TEXTS = (
    "How do I cancel my order?",
    "Cancels an order of a customer.",
    "def add(a: int, b: int) -> int:\n    return a + b\n",
    '{"id": 17, "tags": ["a", "b"]}',
    "今天天气很好、我们去公园散步吧。",
    "Здравствуйте, как дела?",
    "🙂🎉",
    "[CLS] [SEP] <|endoftext|>",
    "half of a pair: \ud83d",
    "a zero: \x00",
    "",
    "  \n",
)
"""Texts of many scripts; the last ones are what tokenizers and services stumble over."""

_SAME = 0.98
"""How near two vectors of one text are at least: some models compute a little differently beside other texts."""


class EmbedderContract:
    """The certificate of an embedder.

    Attributes:
        kind: as the registry knows it.
        near: a text, one that means much the same, and one that means something else.
    """

    kind: ClassVar[str]
    near: ClassVar[tuple[str, str, str]] = (
        "cancel the order of a customer",
        "Cancels an order of a customer.",
        "Tells how warm it will be tomorrow.",
    )

    def prepare(self) -> Mapping[str, object]:
        """The options with which the adapter is opened."""
        return {}

    def open(self) -> Embedder:
        """The adapter under test, opened by its kind."""
        embedder = open_adapter("embedding", self.kind, self.prepare())
        assert isinstance(embedder, Embedder)
        return embedder

    def test_it_names_its_space(self) -> None:
        assert self.open().name
        assert self.open().name == self.open().name
        assert self.open().max_batch >= 1

    def test_every_text_has_a_vector_of_length_1(self) -> None:
        async def run() -> None:
            embedder = self.open()
            vectors = await _embed(embedder, TEXTS)
            assert len(vectors) == len(TEXTS)
            assert {len(vector) for vector in vectors} == {embedder.dimension}
            for text, vector in zip(TEXTS, vectors, strict=True):
                length = hypot(*vector)
                assert abs(length - 1) < 1e-4 or (length == 0 and text not in TEXTS[:6]), text
            await embedder.aclose()

        asyncio.run(run())

    def test_no_texts_have_no_vectors(self) -> None:
        async def run() -> None:
            embedder = self.open()
            assert list(await embedder.embed(())) == []
            await embedder.aclose()

        asyncio.run(run())

    def test_what_means_the_same_is_nearer(self) -> None:
        async def run() -> None:
            embedder = self.open()
            (query,) = await embedder.embed(self.near[:1], "query")
            alike, other = similarities(query, await embedder.embed(self.near[1:]))
            assert alike > other
            await embedder.aclose()

        asyncio.run(run())

    def test_the_vectors_are_in_the_order_of_the_texts(self) -> None:
        async def run() -> None:
            embedder = self.open()
            together = await _embed(embedder, TEXTS[:6])
            apart = [(await embedder.embed((text,)))[0] for text in TEXTS[:6]]
            assert all(map(_is_same, together, apart))
            assert len({vector.tobytes() for vector in together}) == len(together)
            await embedder.aclose()

        asyncio.run(run())

    def test_a_whole_batch_is_taken(self) -> None:
        async def run() -> None:
            embedder = self.open()
            texts = [TEXTS[number % 2] for number in range(embedder.max_batch)]
            vectors = await embedder.embed(texts)
            assert len(vectors) == len(texts)
            assert all(_is_same(vector, vectors[number % 2]) for number, vector in enumerate(vectors))
            await embedder.aclose()

        asyncio.run(run())

    def test_of_a_huge_text_the_beginning_counts(self) -> None:
        async def run() -> None:
            embedder = self.open()
            (vector,) = await embedder.embed(("The quick brown fox jumps over the lazy dog. " * 20_000,))
            assert len(vector) == embedder.dimension
            await embedder.aclose()

        asyncio.run(run())

    def test_it_serves_many_at_once_in_several_event_loops(self) -> None:
        embedder = self.open()

        async def run() -> list[Sequence[Vector]]:
            answers = await asyncio.gather(*(embedder.embed((text,)) for text in TEXTS[:6] * 3))
            await embedder.aclose()
            return answers

        # It was closed in between, and is open again.
        first, second = asyncio.run(run()), asyncio.run(run())
        assert all(_is_same(one[0], other[0]) for one, other in zip(first, second, strict=True))


async def _embed(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    made: list[Vector] = []
    for start in range(0, len(texts), embedder.max_batch):
        made += await embedder.embed(texts[start : start + embedder.max_batch])
    return made


def _is_same(one: Vector, other: Vector) -> bool:
    return similarities(one, [other])[0] >= _SAME
