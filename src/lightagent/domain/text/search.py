"""How texts are searched: their terms, and the ranking of documents by the terms that they share with a query (BM25).

Nothing here knows what the documents are. The stemmer is a callable that the composer gives, so that this ring needs no
package for it, and the same rules serve tools and memories.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import log
from typing import Final, NamedTuple, TypeAlias
from unicodedata import normalize

Stem: TypeAlias = Callable[[str], str]
"""Gives the stem of a word in lower case, such as ``cancel`` for ``cancelled``."""

Terms: TypeAlias = Callable[[str], Sequence[str]]
"""Gives the terms of a text."""

_CASED: Final = (*range(0xC0, 0x250), *range(0x370, 0x530))
"""The letters of Latin, Greek and Cyrillic beyond ASCII."""

_UPPER: Final = "A-Z" + "".join(chr(code) for code in _CASED if chr(code).isupper())
_LOWER: Final = "a-z" + "".join(chr(code) for code in _CASED if chr(code).islower())

_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts that set no spaces between words, and Hangul, which puts endings to words that no stemmer here knows."""

_MARKS: Final = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
"""Vowels and other signs that are written at letters."""

_ASCII_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PARTS: Final = re.compile(
    f"[{_UPPER}]+(?![{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|\\d+|([{_UNSPACED}]+)|(?:[^\\W\\d_{_UNSPACED}]|[{_MARKS}])+"
)
"""The parts of identifiers as programmers write them (``getHTTPUrl2``, ``list_pull-requests``), and words."""

_ALONE: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff]|(?<![\uac00-\ud7af])[\uac00-\ud7af]")
"""Characters of Chinese, those of Japanese that come from there, and the first syllable of what Korean writes together:
many words have only one, and Korean puts its endings after it."""

_STOP_WORDS: Final = """
a about am an and any are as at be been but by can could d did do does for from get give had has have help her his how i
if in into is it its let like ll m me my need no not of on or our out please re s so some t tell than that the their
them then there these they this those to us ve want was we were what when where which who will with would you your
"""

STOP_WORDS: Final = frozenset(_STOP_WORDS.split())
"""English words that say nothing of what is searched for."""

_MOST_QUERY_TERMS: Final = 64
"""Terms of a query that are looked up, the rarest ones: a query may be a whole document."""

_MOST_READ: Final = 100_000
"""Characters of a memory that are read for its terms: a word that was not met before takes a tenth of a millisecond."""

_LONGEST_WORD: Final = 32
"""The longest word that is stemmed and cached; longer ones are not natural language, and rarely occur twice."""


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, with identifiers split into theirs.

    Of scripts without spaces between words each pair of neighbouring characters is one.
    """
    if text.isascii():
        return [part.lower() for part in _ASCII_PARTS.findall(text)]
    found: list[str] = []
    for part in _PARTS.finditer(normalize("NFC", text)):
        word, unspaced = part.group(), part.group(1)
        if unspaced is None or len(word) < 3:
            found.append(word.lower())
        else:
            found.extend(word[place : place + 2] for place in range(len(word) - 1))
    return found


def terms_of(text: str, stem: Stem, *, numbers: bool = True) -> list[str]:
    """What a text is found by: the stems of its words, without those that say nothing.

    Args:
        numbers: whether numbers are terms. In a query for a tool they are arguments, and tell nothing of the tool.
    """
    words = (word for word in split_words(text) if word not in STOP_WORDS)
    return [stem(word) if _has_ending(word) else word for word in words if numbers or not word.isdigit()]


def _has_ending(word: str) -> bool:
    """Whether a stemmer may find one. Of East Asian scripts it finds none, and takes its time, pair by pair."""
    return len(word) <= _LONGEST_WORD and not "\u3040" <= word[0] <= "\ufaff"


def memory_terms(text: str, stem: Stem) -> list[str]:
    """What a memory is found by: its terms, and words of one character of Chinese, Japanese and Korean.

    Of one as long as a book, its beginning counts. Forms that East Asian keyboards give the same character, such as
    digits of full width, are one.
    """
    text = text[:_MOST_READ]
    if text.isascii():
        return terms_of(text, stem)
    plain = normalize("NFKC", text)
    return terms_of(plain, stem) + _ALONE.findall(plain)


def term_reader(stem: Stem, *, numbers: bool = True) -> Terms:
    """`terms_of` for many texts: what was made of a word is remembered, as long as the reader lives.

    Not for several threads at once.
    """
    known = _KnownWords(stem, numbers=numbers)
    return lambda text: [term for word in text.split() for term in known[word]]


class _KnownWords(dict[str, tuple[str, ...]]):
    """The terms of each word that was met; what stands between two spaces is a word here.

    Tuples of texts: the garbage collector leaves them alone, which saves a fifth of the time that an index takes.
    """

    def __init__(self, stem: Stem, *, numbers: bool) -> None:
        super().__init__()
        self._stem = stem
        self._numbers = numbers

    def __missing__(self, word: str) -> tuple[str, ...]:
        terms = tuple(terms_of(word, self._stem, numbers=self._numbers))
        if len(word) <= _LONGEST_WORD:
            self[word] = terms
        return terms


class WeightedText(NamedTuple):
    """A text of a document.

    Attributes:
        weight: how much a term counts that is found here.
        is_prose: whether the text makes its document longer, so that each of its terms says less. A list of
            alternatives, such as the values of a parameter, does not.
    """

    text: str
    weight: float
    is_prose: bool = True


class WeighedTerms(NamedTuple):
    """What a document is found by: its terms, how much each counts, and how long the document is."""

    terms: tuple[str, ...]
    weights: array[float]
    length: float


def weigh(texts: Iterable[WeightedText], terms: Terms) -> WeighedTerms:
    """The terms of a document, of which `terms` gives those of each text."""
    found: defaultdict[str, float] = defaultdict(float)
    length = 0.0
    for text, weight, is_prose in texts:
        read = terms(text)
        if is_prose:
            length += weight * len(read)
        for term in read:
            found[term] += weight
    return WeighedTerms(tuple(found), array("f", found.values()), length)


@dataclass(frozen=True, slots=True)
class Bm25:
    """How much repetition and length count.

    Attributes:
        saturation: the higher, the more it counts that a term occurs again (`k1`).
        length_norm: how much a term counts less in a long document, from 0 to 1 (`b`).
    """

    saturation: float = 1.2
    length_norm: float = 0.4


class Match(NamedTuple):
    """A document that a query finds, by its place among the documents; scores of one query can be compared."""

    place: int
    score: float


class TextIndex:
    """Documents by their terms. Immutable, so that any number of threads can search at once.

    Args:
        documents: in an order that says which goes first of two that fit equally well.
    """

    __slots__ = ("_norms", "_postings")

    def __init__(self, documents: Sequence[WeighedTerms], bm25: Bm25 = Bm25()) -> None:
        average = sum(one.length for one in documents) / len(documents) if documents else 0.0
        k, b = bm25.saturation, bm25.length_norm
        self._norms = [k * (1 - b + b * one.length / average) if average else k for one in documents]
        self._postings: Mapping[str, tuple[array[int], array[float]]] = _postings(documents)

    def __len__(self) -> int:
        return len(self._norms)

    def rank(self, terms: Iterable[str], limit: int) -> list[Match]:
        """Return the documents that match best, best first; those without a common term are left out.

        Each term counts once, however often the query repeats it.
        """
        found = [(term, *self._postings[term]) for term in dict.fromkeys(terms) if term in self._postings]
        found.sort(key=lambda one: len(one[1]))
        count, norms = len(self._norms), self._norms
        scores = [0.0] * count
        for _, places, weights in found[:_MOST_QUERY_TERMS]:
            rarity = log(1 + (count - len(places) + 0.5) / (len(places) + 0.5))
            for place, weight in zip(places, weights, strict=True):
                scores[place] += rarity * weight / (weight + norms[place])
        best = nsmallest(limit, [(-score, place) for place, score in enumerate(scores) if score])
        return [Match(place, -score) for score, place in best]


def _postings(documents: Sequence[WeighedTerms]) -> dict[str, tuple[array[int], array[float]]]:
    """The documents in which each term occurs, and how much it counts there."""
    postings: dict[str, tuple[array[int], array[float]]] = {}
    for place, document in enumerate(documents):
        for term, weight in zip(document.terms, document.weights, strict=True):
            posting = postings.get(term)
            if posting is None:
                postings[term] = array("I", (place,)), array("f", (weight,))
            else:
                posting[0].append(place)
                posting[1].append(weight)
    return postings
