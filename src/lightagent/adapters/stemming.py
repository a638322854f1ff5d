"""The stems of English words, by Snowball's Porter2."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lightagent.domain.search_text import Stem

_REMEMBERED: Final = 50_000
"""Words whose stems are remembered."""


def english_stemmer() -> Stem:
    """Gives the stem of an English word in lower case; of others it may take an ending, the same at each time.

    It is one function for the whole process, which loads Snowball with the first word.
    """
    return _stem


@lru_cache(_REMEMBERED)
def _stem(word: str) -> str:
    # One object a word: a stemmer holds the word that it works on, and threads may stem at the same time.
    from snowballstemmer.english_stemmer import EnglishStemmer

    stemmed: str = EnglishStemmer().stemWord(word)
    return stemmed
