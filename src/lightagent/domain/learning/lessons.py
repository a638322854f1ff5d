"""What an agent learned from a run, and whether an answer took something from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from lightagent.domain.text.characters import visible
from lightagent.domain.text.search import STOP_WORDS, split_words

MOST_LESSON: Final = 1_000
"""Characters of a lesson."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something that would help in later runs.

    Attributes:
        text: what was learned, in one or two sentences.
        about: ``user`` for what holds with this user, ``everybody`` for what helps every user.
        confidence: from 0 to 1.
    """

    text: str
    about: Literal["user", "everybody"] = "user"
    confidence: float = 0.5

    def as_seen(self) -> Lesson:
        """The lesson as who decides about it sees it, and no more: without hidden characters, and within its bounds."""
        return replace(self, text=visible(self.text).strip(), confidence=min(max(self.confidence, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a model says that it learned.

    Attributes:
        lessons: the most useful first; empty if there is nothing to learn.
    """

    lessons: tuple[Lesson, ...] = ()


def is_used(lesson: str, query: str, answer: str) -> bool:
    """Whether an answer took something from a lesson: a third of what it says beyond the query, but two words."""
    own = set(split_words(lesson)) - set(split_words(query)) - STOP_WORDS
    shared = own & set(split_words(answer))
    return len(shared) >= max(2, len(own) // 3)
