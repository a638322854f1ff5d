"""The stems of English words, by Snowball's Porter2."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lightagent.domain.text.search import Stem

_REMEMBERED: Final = 50_000
"""How many stems are cached."""


def english_stemmer() -> Stem:
    """Return the stem of an English word in lower case; other words may lose an ending, always the same.

    It is one function for the whole process, which loads Snowball with the first word.
    """
    return _stem


@lru_cache(_REMEMBERED)
def _stem(word: str) -> str:
    # A stemmer holds the current word, so concurrent threads need one each.
    from snowballstemmer.english_stemmer import EnglishStemmer

    stemmed: str = EnglishStemmer().stemWord(word)
    return stemmed
