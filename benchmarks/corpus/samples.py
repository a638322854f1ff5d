"""A labelled text, and which half of the corpus it is in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

Half: TypeAlias = Literal["tuned", "test"]
"""Detectors are tuned on one half and measured on the other; no value and no sentence is in both."""


@dataclass(frozen=True, slots=True)
class Label:
    """Where something private stands in a text, and of which kind it is."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Value:
    """Something that is put into sentences.

    Attributes:
        text: as it is written.
        kind: of what a detector shall find; for a hard negative, what it is instead.
        sentences: the name of the sentences that it fits into.
        name: of one whose text is another in each run.
    """

    text: str
    kind: str
    sentences: str
    name: str = ""

    @property
    def half(self) -> Half:
        """The half of the corpus that it is in."""
        return half_of(self.name or self.text)


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with what a detector shall find in it: for a hard negative, nothing.

    Attributes:
        kind: of the value that the text was made for.
    """

    text: str
    kind: str
    labels: tuple[Label, ...]


def half_of(text: str) -> Half:
    """By the text alone, so that it stays where it is when the corpus grows."""
    return "test" if hashlib.sha256(text.encode()).digest()[0] & 1 else "tuned"
