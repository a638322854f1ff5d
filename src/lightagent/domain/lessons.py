"""What an agent learned from a run, and whether a lesson may be told to other users."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from lightagent.domain.search_text import STOP_WORDS, split_words

MOST_LESSON: Final = 1_000
"""Characters of a lesson."""

_SHARED: Final = 4
"""Words of a user in a row that a lesson for everybody must not repeat."""

_NAME: Final = re.compile(r"(?<=[^.!?:\s]\s)[^\W\d_a-z]\w+")
"""A word with a capital letter that does not begin a sentence."""

_WORD: Final = re.compile(r"\w+")

_TOKEN: Final = re.compile(r"[\w@.+-]+")


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


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a model says that it learned.

    Attributes:
        lessons: the most useful first; empty where there is nothing to be learned.
    """

    lessons: tuple[Lesson, ...] = ()


def tells_user(text: str, user_ids: tuple[str, ...], words: str, answers: str = "") -> str | None:
    """Why a lesson must not reach other users, in a sentence that does not quote it; None: it may.

    Args:
        text: the lesson.
        user_ids: what the user is called.
        words: what the user said, in the run that it comes from and before.
        answers: what the agent said to the user; its names are not the user's, as those of places and products.
    """
    told = split_words(text)
    for user in user_ids:
        named = split_words(user)
        if user and (user.casefold() in text.casefold() or _holds(told, named)):
            return "It names the user."
    if (_telling(words) | _telling(answers)) & _telling(text):
        return "It repeats a number or an address of the conversation."
    if {name.casefold() for name in _NAME.findall(words)} & {word.casefold() for word in _WORD.findall(text)}:
        return "It repeats a name that the user gave."
    said = _runs(split_words(words)) | _runs(split_words(answers))
    if said & _runs(told):
        return f"It repeats {_SHARED} words of the conversation in a row."
    return None


def _telling(text: str) -> set[str]:
    """What names somebody or something for certain: numbers, and addresses."""
    tokens = (one.strip(".+-").casefold() for one in _TOKEN.findall(text))
    return {one for one in tokens if "@" in one or any(map(str.isdigit, one))}


def is_used(lesson: str, query: str, answer: str) -> bool:
    """Whether an answer took something from a lesson: a third of what it says beyond the query, but two words."""
    own = set(split_words(lesson)) - set(split_words(query)) - STOP_WORDS
    shared = own & set(split_words(answer))
    return len(shared) >= max(2, len(own) // 3)


def _holds(told: list[str], named: list[str]) -> bool:
    """Whether the name occurs word by word."""
    size = len(named)
    return size > 0 and any(told[place : place + size] == named for place in range(len(told) - size + 1))


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    """All that many words in a row; all of them where there are fewer, so that a short question is not repeated."""
    if 0 < len(words) < _SHARED:
        return set()
    return {tuple(words[place : place + _SHARED]) for place in range(len(words) - _SHARED + 1)}
