"""What every token counter must do: subclass `TokenCounterContract`, say the kind, and pytest certifies the adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.ports.token_counter import TokenCounter

TEXTS = (
    "",
    "hello",
    "The quick brown fox jumps over the lazy dog. " * 20,
    "def add(a: int, b: int) -> int:\n    return a + b\n" * 10,
    '{"id": 17, "tags": ["a", "b"]}',
    "今天天气很好、我们去公园散步吧。" * 10,
    "東京都に住んでいます。" * 10,
    "Здравствуйте, как дела?" * 10,
    "🙂🎉" * 10,
    "<|endoftext|>",
    "half of a pair: \ud83d",
)
"""Texts of many scripts; the last ones are what tokenizers stumble over."""


class TokenCounterContract:
    """The certificate of a token counter.

    Attributes:
        kind: as the registry knows it.
    """

    kind: ClassVar[str]

    def prepare(self) -> Mapping[str, object]:
        """The options with which the adapter is opened."""
        return {}

    def open(self) -> TokenCounter:
        """The adapter under test, opened by its kind."""
        counter = open_adapter("tokens", self.kind, self.prepare())
        assert isinstance(counter, TokenCounter)
        return counter

    def count(self, *texts: str) -> Sequence[int]:
        """The tokens of these texts."""
        return asyncio.run(_count(self.open(), texts))

    def test_it_has_a_name(self) -> None:
        assert self.open().name

    def test_every_text_has_a_number(self) -> None:
        counted = self.count(*TEXTS)
        assert [type(one) for one in counted] == [int] * len(TEXTS)
        assert counted[0] == 0
        assert all(one > 0 for one in counted[1:])
        assert list(self.count()) == []

    @pytest.mark.parametrize("text", TEXTS[1:9])
    def test_more_text_takes_more_tokens(self, text: str) -> None:
        once, twice = self.count(text, text * 2)
        assert once < twice <= 2 * once + 2

    def test_it_counts_the_same_at_once_as_one_by_one(self) -> None:
        counter = self.open()

        async def both() -> tuple[Sequence[int], list[Sequence[int]]]:
            return await counter.count(TEXTS), await asyncio.gather(*(counter.count((text,)) for text in TEXTS))

        together, apart = asyncio.run(both())
        assert list(together) == [one for ones in apart for one in ones]

    def test_it_serves_several_event_loops(self) -> None:
        counter = self.open()
        assert asyncio.run(_count(counter, TEXTS)) == asyncio.run(_count(counter, TEXTS))

    def test_a_megabyte_is_counted(self) -> None:
        (counted,) = self.count("The quick brown fox. " * 50_000)
        assert 100_000 < counted < 1_000_000


async def _count(counter: TokenCounter, texts: Sequence[str]) -> list[int]:
    return list(await counter.count(texts))
