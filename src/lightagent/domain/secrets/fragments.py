"""Finds parts of known secrets anywhere in a text, however the part was cut and whatever stands around it.

Every run of a text that is as long as `_LEAST` holds a gram of `_GRAM` characters that begins at a multiple of `_STEP`.
So only those grams of the text are looked up, and a hit is then looked at closely: a text of a million characters costs
some tens of milliseconds, whatever the number of secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LEAST: Final = 12
"""Characters of a secret that are hidden wherever they stand."""

_LEAST_OF_LONG: Final = 32
"""The same of a secret of more than `_LONG` characters, such as a JWT, whose parts are less telling."""

_LONG: Final = 256
_GRAM: Final = 6
_STEP: Final = _LEAST - _GRAM + 1


class SecretRuns:
    """Spellings of secrets, ready to be looked for.

    Args:
        whole: spellings that count only as a whole, of at least 12 characters; shorter ones are left out.
        parts: spellings of which each long run counts, if it looks as if made by chance.
    """

    def __init__(self, whole: Iterable[str], parts: Iterable[str]) -> None:
        self._grams: set[str] = set()
        self._known: dict[str, list[tuple[str, int, int]]] = {}
        for spelling in whole:
            self._index(spelling, len(spelling), 1)
        for spelling in parts:
            self._index(spelling, _LEAST_OF_LONG if len(spelling) > _LONG else _LEAST, len(spelling))

    def _index(self, spelling: str, least: int, starts: int) -> None:
        for start in range(min(starts, len(spelling) - _LEAST + 1)):
            run = spelling[start : start + _LEAST]
            self._known.setdefault(run, []).append((spelling, start, least))
            self._grams.update(run[place : place + _GRAM] for place in range(_STEP))

    def hide(self, text: str, mask: str) -> str:
        """`text` with `mask` in the place of every run."""
        pieces: list[str] = []
        done = 0
        for place in range(0, len(text) - _GRAM + 1 if self._grams else 0, _STEP):
            if text[place : place + _GRAM] not in self._grams or place + _GRAM <= done:
                continue
            if (found := self._longest(text, place)) is not None:
                begin = max(found[0], done)
                if begin > done or not pieces:
                    pieces += (text[done:begin], mask)
                done = found[1]
        return "".join((*pieces, text[done:]))

    def _longest(self, text: str, place: int) -> tuple[int, int] | None:
        """Where the longest run that counts and holds the gram at `place` begins and ends, if there is one."""
        best: tuple[int, int] | None = None
        for at in range(max(0, place - _STEP + 1), place + 1):
            for spelling, start, least in self._known.get(text[at : at + _LEAST], ()):
                begin, end = _extended(text, at, spelling, start)
                size = end - begin
                if size < least or (best is not None and size <= best[1] - best[0]):
                    continue
                if size == len(spelling) or _looks_made(text[begin:end]):
                    best = begin, end
        return best


def _extended(text: str, place: int, spelling: str, start: int) -> tuple[int, int]:
    """The run around what is known to be the same: `_LEAST` characters."""
    before = 0
    most = min(place, start)
    while before < most and text[place - before - 1] == spelling[start - before - 1]:
        before += 1
    after = _LEAST
    most = min(len(text) - place, len(spelling) - start)
    while after < most and text[place + after] == spelling[start + after]:
        after += 1
    return place - before, place + after


def _looks_made(run: str) -> bool:
    """Whether a part of a secret looks as if made by chance, and not like a word that others use, too."""
    if len(set(run)) < 5 or any(map(str.isspace, run)):
        return False
    upper, lower = sum(map(str.isupper, run)), sum(map(str.islower, run))
    return (any(map(str.isdigit, run)) and upper + lower > 0) or min(upper, lower) > 1
