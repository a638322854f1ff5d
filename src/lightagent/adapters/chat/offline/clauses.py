"""A question, cut into the things it asks for."""

from __future__ import annotations

import re

from lightagent.adapters.chat.offline.find_values import mask
from lightagent.adapters.chat.offline.words import stem, stem_set, words

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_CONNECTOR = re.compile(
    r"(?P<strong>(?:[,;]\s*|\s+)(?:and\s+|but\s+)?(?:then|after that|afterwards|finally|next|also)\s*,?\s+)"
    r"|(?P<weak>\s*,\s*(?:and\s+|but\s+|or\s+)?|\s+and\s+|\s+but\s+|\s+plus\s+(?=what|how|the\b))",
    re.IGNORECASE,
)
_ADVERBS = re.compile(r"(?:please|then|also|finally|now|next|first|the|a|an|you|can|could)\s+", re.IGNORECASE)
_NEGATION = re.compile(r"\s*(?:please\s+)?(?:do not|don't|don\u2019t|never|without|no need to)\b", re.IGNORECASE)
_STARTERS = stem_set(
    "what what's how who where when which why is are does did can could tell show give find search look list read open "
    "print view compute calculate evaluate add subtract multiply divide double triple halve square times minus divided "
    "multiplied send mail email write say summarise summarize explain describe check get fetch count convert translate "
    "book create delete remove update save store remember compare sort track order buy make set start stop run return "
    "report answer use do don't schedule cancel call ask notify post"
)


def split_clauses(question: str, vocabulary: frozenset[str] = frozenset()) -> list[str]:
    """The clauses of `question` in their order.

    Args:
        vocabulary: stems of words that the offered tools are named by: such a word begins a clause too.
    """
    starters = _STARTERS | vocabulary
    clauses = [clause for sentence in _sentences(question) for clause in _cut(sentence, starters)]
    return _without_stubs([clause for clause in clauses if not _NEGATION.match(clause)])


def begins_with_verb(clause: str) -> bool:
    """Whether a clause starts as an order or a question does."""
    said = words(_ADVERBS.sub("", clause.strip(), count=1))
    return bool(said) and stem(said[0]) in _STARTERS


def _sentences(question: str) -> list[str]:
    shadow = _shadow(question)
    return _slices(question, [(match.start(), match.end()) for match in _SENTENCE.finditer(shadow)])


def _cut(sentence: str, starters: frozenset[str]) -> list[str]:
    shadow = _shadow(sentence)
    cuts = [
        (match.start(), match.end())
        for match in _CONNECTOR.finditer(shadow)
        if match.group("strong") or _starts(shadow[match.end() :], starters)
    ]
    return _slices(sentence, cuts)


def _starts(rest: str, starters: frozenset[str]) -> bool:
    previous = ""
    while rest != previous:
        previous, rest = rest, _ADVERBS.sub("", rest, count=1) if _ADVERBS.match(rest) else rest
    said = words(rest.split(" ", 1)[0]) if rest else []
    return bool(said) and (stem(said[0]) in starters or said[0] in ("is", "do"))


def _shadow(text: str) -> str:
    """`text` with what must not be cut (quotations, paths, parentheses) made unreadable."""
    hidden = mask(text)
    shadow = "".join("¤" if blank == " " and real != " " else blank for blank, real in zip(hidden, text, strict=True))
    return re.sub(r"\([^()]*\)", lambda match: "¤" * len(match.group()), shadow)


def _slices(text: str, cuts: list[tuple[int, int]]) -> list[str]:
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(text)]
    return [part for start, end in zip(starts, ends, strict=True) if (part := text[start:end].strip(" ,;"))]


def _without_stubs(clauses: list[str]) -> list[str]:
    """A lone verb, as in `read and summarise README.md`, belongs to what follows."""
    whole: list[str] = []
    stub = ""
    for clause in clauses:
        if len(clause.split()) == 1 and stem(clause.lower()) in _STARTERS:
            stub = f"{stub}{clause} and "
            continue
        whole.append(stub + clause)
        stub = ""
    return whole or ([stub.removesuffix(" and ")] if stub else [])
