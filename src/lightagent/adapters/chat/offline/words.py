"""Words as a rule can compare them: cut, shortened to a stem, and grouped with their kin."""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_LONGEST = 4000
_LONG_TOKEN = re.compile(r"(\S{200})\S+")
_LONG_BLANK = re.compile(r"(\s{20})\s+")
_SUFFIXES = ("ations", "ation", "ions", "ion", "ings", "ing", "ors", "or", "ed", "es", "s", "e")


def word_set(text: str) -> frozenset[str]:
    """The words of `text` as a set."""
    return frozenset(text.split())


SMALL_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
}
"""The numbers that people write as words."""

STOP = word_set(
    "a an and any are as at be been being but by can could did do does for from give had has have hello hi how i if in "
    "into is it its just let like many me mine much my no of on or our out please s so some t than thank thanks that "
    "the their them then there these they this those to up us use using want was we well were what when which who "
    "whose why will with would you your"
)
"""Words that say nothing of a task."""

GENERIC = word_set("get do run use make call tool function given return returns perform handle please")
"""Words that every tool's name or description may hold."""

_KIN = (
    "calculate compute evaluate arithmetic math mathematical expression work",
    "calculate add plus sum total",
    "calculate subtract minus difference",
    "calculate multiply times product double triple twice",
    "calculate divide divided quotient half halve",
    "calculate percent percentage square root squared power average mean",
    "add plus sum total",
    "subtract minus difference",
    "multiply times product",
    "divide divided quotient",
    "find search look locate list glob discover browse",
    "search lookup google web internet query",
    "read open show view print contain content inside say tell define summarise summarize explain describe line",
    "weather forecast temperature rain raining rainy sunny snow snowing hot cold warm wind climate degree umbrella",
    "order purchase package parcel shipment delivery deliver tracking track ship arrive",
    "status state track progress where",
    "send mail email message write notify tell",
    "time clock hour date today now day",
    "convert exchange currency rate",
    "set turn switch change toggle adjust",
    "price cost stock quote worth expensive",
    "remember save store memorise memorize note",
    "delete remove erase",
    "create make new open",
    "book reserve schedule plan",
    "translate translation language say",
    "user customer client person account profile",
    "file document module script",
    "directory folder dir",
)


def readable(text: str) -> str:
    """The beginning of `text`, with very long tokens and blanks shortened.

    The rules are meant for questions that people write. The patterns that look for values are slow on texts with very
    long tokens or blanks, which people do not write.
    """
    return _LONG_BLANK.sub(r"\1", _LONG_TOKEN.sub(r"\1", text[:_LONGEST]))


def words(text: str) -> list[str]:
    """The words of `text` in lower case; `getWeather` and `get_weather` are two."""
    return [word.lower() for word in _WORD.findall(text)]


@cache
def stem(word: str) -> str:
    """A word without its ending: not pretty, but the same for `calculate`, `calculator` and `calculation`."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word.removesuffix(suffix)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return f"{word[:-1]}i" if word.endswith("y") and len(word) > 3 else word


def stems(text: str) -> list[str]:
    """The stems of the words that say something, in their order."""
    return [stem(word) for word in words(text) if word not in STOP]


def stem_set(text: str) -> frozenset[str]:
    """The stems of the words of `text`, every one of them."""
    return frozenset(stem(word) for word in text.split())


@cache
def kin(word: str) -> frozenset[str]:
    """The stems that mean something near to the stem `word`, itself left out."""
    return frozenset(other for group in _groups() if word in group for other in group if other != word)


@cache
def _groups() -> tuple[frozenset[str], ...]:
    return tuple(stem_set(group) for group in _KIN)
