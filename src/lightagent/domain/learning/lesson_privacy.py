"""Whether a lesson for everybody would tell other users of the one from whose run it comes.

It compares words, as a reader takes them: whatever the case, accents, look-alike letters, spaces within and between
words. It cannot know what a sentence gives away in other words, and says nothing of what it cannot see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lightagent.domain.text.characters import plain, visible
from lightagent.domain.text.search import STOP_WORDS, split_words

MOST_COMPARED: Final = 50_000
"""Characters of what was said in a run that a lesson is compared with; one from a longer run stays with its user."""

_IN_A_ROW: Final = 4
"""Words in a row of what was said that must not be repeated."""

_SAYING: Final = 3
"""The same without the words that say nothing, so that an article more or less makes no difference."""

_PIECE: Final = 4
"""Characters of a name, and digits of a number, from which on a piece within something longer counts."""

_WORD: Final = re.compile(r"\w+")
_TOKEN: Final = re.compile(r"[\w@.+-]+")
_NUMBER: Final = re.compile(r"\d(?:[ .,/()-]{0,3}\d)*")
_ADDRESS: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w.-]+|\bhttps?://\S+|\bwww\.\S+")
_LETTERS: Final = re.compile(r"\b\w(?:[^\w\n]{1,3}\w\b)+")
_SPELLED: Final = re.compile(r"\b(\w{1,64})\W{1,3}at\W{1,3}(\w{1,64})\W{1,3}dot\W{1,3}\w")
_ENDS: Final = frozenset(".!?:\n")

_COMMON_PARTS: Final = """
user users customer customers client clients default test guest account admin member person name id com org net www http
https html gmail mail email outlook hotmail yahoo icloud web site page index php
"""
_COMMON: Final = frozenset(_COMMON_PARTS.split())
"""Parts of ids and addresses that do not identify a user."""

_ONES: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES: Final = {word: number for number, word in enumerate(_ONES.split())} | {
    word: 10 * number for number, word in enumerate(_TENS.split(), 2)
}


@dataclass(frozen=True, slots=True)
class ConversationTexts:
    """What was said in a run.

    Attributes:
        by_user: the words of the user.
        by_agent: the answers, which may hold what tools and memories know of the user.
    """

    by_user: str
    by_agent: str = ""

    @property
    def is_short(self) -> bool:
        """Whether it can be kept and compared as a whole."""
        return len(self.by_user) + len(self.by_agent) <= MOST_COMPARED


def tells_user(text: str, user_ids: Sequence[str], said: ConversationTexts) -> str | None:
    """Why a lesson must not reach other users, in a sentence that does not quote it; None: it may.

    Args:
        text: the lesson.
        user_ids: what the user is called.
        said: in the run that it comes from.
    """
    if not said.is_short:
        return "Too much was said in the run to compare it with."
    shown = visible(text)
    seen = _spread(f"{shown}\n{_split_camel_case(shown)}")
    known = _spread(visible(f"{said.by_user}\n{said.by_agent}"))
    lesson, both = plain(seen), plain(known)
    if any(_names(lesson, plain(user)) or _shares_number(lesson, plain(user)) for user in user_ids):
        return "It names the user."
    if _tokens(both) & _tokens(lesson) or _shares_number(lesson, both) or _shares_address(lesson, both):
        return "It repeats a number or an address that was told."
    if _shares_name(seen, known):
        return "It repeats a name that was told."
    words, told = split_words(both), split_words(lesson)
    if _runs(words, _IN_A_ROW) & _runs(told, _IN_A_ROW):
        return f"It repeats {_IN_A_ROW} words of the conversation in a row."
    saying = [[word for word in one if word not in STOP_WORDS] for one in (words, told)]
    if _runs(saying[0], _SAYING) & _runs(saying[1], _SAYING):
        return f"It repeats {_SAYING} words of the conversation in a row, but for articles and the like."
    return None


def _spread(text: str) -> str:
    """The text, below it words apart that are written as one (`mr_dupont`), and letters together that stand alone."""
    words = text.replace("_", " ")
    letters = " ".join("".join(filter(str.isalnum, run)) for run in _LETTERS.findall(words))
    return "\n".join(dict.fromkeys((text, words, letters)))


def _split_camel_case(text: str) -> str:
    """The text with `MrDupont` as two words. Of what was said, it would make names of parts: `iPhone` of a phone."""
    return "".join(f" {one}" if one.isupper() and before.islower() else one for before, one in pairwise(f" {text}"))


def _names(lesson: str, user: str) -> bool:
    """Whether a lesson holds what a user is called, in one piece, in pieces, or a part that is a word of its own."""
    if not user.strip():
        return False
    # A short name is looked for as a word: "planned" does not name Ann. Scripts without spaces have no such words.
    is_long = len(user) >= _PIECE or not user.isascii()
    if (is_long and user in lesson) or _holds(split_words(lesson), split_words(user)):
        return True
    if len(together := _together(user)) >= _PIECE and together in _together(lesson):
        return True
    parts = {word for word in split_words(user) if len(word) > 2 and not word.isdigit()} - _COMMON
    return bool(parts & {*split_words(lesson), *_WORD.findall(lesson)})


def _tokens(text: str) -> set[str]:
    """Unique identifiers of people or things: numbers and addresses."""
    tokens = (one.strip(".+-") for one in _TOKEN.findall(text))
    return {one for one in tokens if "@" in one or any(map(str.isdigit, one))}


def _shares_number(lesson: str, said: str) -> bool:
    """Whether both hold the same digits, however they are grouped or written out, or one a piece of the other's."""
    told, known = (set(_numbers(text)) for text in (lesson, said))
    all_told, all_known = " ".join(told), " ".join(known)
    return any(one in all_known for one in told) or any(one in all_told for one in known)


def _numbers(text: str) -> Iterator[str]:
    """The digits of each number of some length; words for numbers that follow each other make one."""
    for found in _NUMBER.findall(text):
        if len(digits := "".join(filter(str.isdigit, found))) >= _PIECE:
            yield digits
    spelled, before = "", 0
    for word in (*_WORD.findall(text), ""):
        value = _VALUES.get(word)
        if value is None and word.isdigit():  # forty-seven 11
            spelled, before = f"{spelled}{word}", 0
        elif value is None:
            if len(spelled) >= _PIECE:
                yield spelled
            spelled, before = "", 0
        elif before >= 20 and before % 10 == 0 and 0 < value < 10:  # forty-seven
            spelled, before = f"{spelled[:-1]}{value}", 0
        else:
            spelled, before = f"{spelled}{value}", value


def _shares_address(lesson: str, said: str) -> bool:
    """Whether a lesson holds a part of an address that was told, or spells one out."""
    parts = {part for address in _ADDRESS.findall(said) for part in _WORD.findall(address)}
    parts |= {part for spelled in _SPELLED.findall(said) for part in spelled}
    parts = {part for part in parts if len(part) > 2 and not part.isdigit()} - _COMMON
    together = _together(lesson)
    return bool(parts & {*_WORD.findall(lesson)}) or any(len(one) > _PIECE and one in together for one in parts)


def _shares_name(lesson: str, said: str) -> bool:
    """Whether one of both has a word as a name that the other has as well, in whatever case."""
    told, known = _capitals(lesson), _capitals(said)
    all_told, all_known = ({plain(word) for word in _WORD.findall(text)} for text in (lesson, said))
    together = _together(plain(lesson))
    return bool(known & all_told or told & all_known) or any(len(one) > _PIECE and one in together for one in known)


def _capitals(text: str) -> set[str]:
    """The words with a capital letter that do not begin a sentence, without those that say nothing."""
    found, end, begins = set[str](), 0, True
    for word in _WORD.finditer(text):
        begins = begins if end == 0 else not _ENDS.isdisjoint(text[end : word.start()])
        one = word.group()
        if not begins and one[0].isupper() and len(one) > 1:
            found.add(plain(one))
        end, begins = word.end(), False
    return found - STOP_WORDS


def _together(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _holds(told: list[str], named: list[str]) -> bool:
    """Whether the name occurs word by word."""
    size = len(named)
    return size > 0 and any(told[place : place + size] == named for place in range(len(told) - size + 1))


def _runs(words: list[str], size: int) -> set[tuple[str, ...]]:
    """Return all sequences of that many consecutive words."""
    return {tuple(words[place : place + size]) for place in range(len(words) - size + 1)}
