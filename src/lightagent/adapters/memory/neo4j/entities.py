"""What a memory is about: the names in it, and the relations that its metadata tells.

No model reads the text. Names are words that begin with a capital letter, one after another; what writes memories can
name entities and relations itself, in `metadata`:

    {"entities": ["Ada", "Acme"], "relations": [{"subject": "Ada", "relation": "works at", "object": "Acme"}]}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.domain.text.search import STOP_WORDS, Stem, split_words, terms_of

_MOST_CHARS: Final = 100_000
"""Characters of a text in which names are looked for."""

_MOST_ENTITIES: Final = 64
"""Of one memory."""

_LONGEST_NAME: Final = 200
_MOST_WORDS: Final = 6
"""Terms of a name that is found in a query."""

_MOST_TERMS: Final = 128
"""Terms of a query in which names are looked for."""


@dataclass(frozen=True, slots=True)
class Relation:
    """That one entity stands in a relation to another, each given by its name."""

    subject: str
    kind: str
    object: str


def entities_of(text: str, metadata: Mapping[str, JsonValue], stem: Stem) -> dict[str, str]:
    """The names of what a memory is about, by the terms under which each is found."""
    named = (*_listed_names(metadata), *(name for one in relations_of(metadata) for name in (one.subject, one.object)))
    found: dict[str, str] = {}
    for name in (*named, *names_in(text[:_MOST_CHARS])):
        if len(found) == _MOST_ENTITIES:
            break
        if entity := entity_terms(name, stem):
            found.setdefault(entity, name)
    return found


def entity_terms(name: str, stem: Stem) -> str:
    """Return the terms by which a name is found; empty if it has none or is too long."""
    return " ".join(terms_of(name, stem)) if len(name) <= _LONGEST_NAME else ""


def named_in_query(terms: Iterable[str]) -> list[str]:
    """What a query may name: each row of its terms."""
    some = list(terms)[:_MOST_TERMS]
    rows = (some[at : at + count] for at in range(len(some)) for count in range(1, _MOST_WORDS + 1))
    return list(dict.fromkeys(" ".join(row) for row in rows))


def relations_of(metadata: Mapping[str, JsonValue]) -> list[Relation]:
    """The relations that the metadata tells; what has another form is none."""
    found: list[Relation] = []
    for one in _items(metadata.get("relations")):
        if isinstance(one, dict):
            ends = [_name(one.get(part)) for part in ("subject", "relation", "object")]
            if all(ends):
                found.append(Relation(*ends))
    return found


def _listed_names(metadata: Mapping[str, JsonValue]) -> Iterator[str]:
    for one in _items(metadata.get("entities")):
        if name := _name(one.get("name") if isinstance(one, dict) else one):
            yield name


def _items(value: JsonValue) -> list[JsonValue]:
    return value[:_MOST_ENTITIES] if isinstance(value, list) else []


def _name(value: JsonValue) -> str:
    return value.strip() if isinstance(value, str) and len(value) <= _LONGEST_NAME else ""


def names_in(text: str) -> Iterator[str]:
    """The names in a text: words that begin with a capital letter, as long as no other stands between them."""
    row: list[str] = []
    for word in text.split():
        bare = word.strip(_PUNCTUATION)
        is_name = bare[:1].isupper() and not all(part in STOP_WORDS for part in split_words(bare))
        if row and (not is_name or word[0] in _PUNCTUATION):
            yield " ".join(row)
            row = []
        if is_name:
            row.append(bare.removesuffix("'s").removesuffix("\u2019s"))
            if word[-1] in _PUNCTUATION:
                yield " ".join(row)
                row = []
    if row:
        yield " ".join(row)


_PUNCTUATION: Final = ".,;:!?()[]{}<>\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb*_~|/\\\u2026\u2014\u2013-"
