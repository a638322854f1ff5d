"""How memories are written into the graph: texts, keys, and the marks by which a search lets a record through.

Neo4j keeps only whole Unicode, and its indexes take neither long values nor all characters. So texts have their lone
surrogates escaped, and what is looked up is a digest. Everything on which the owner, a policy or a caller filters is a
mark, a word of the full-text index, so that the same conditions hold inside every kind of search.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from lightagent.adapters.memory._marks import mark, metadata_marks
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter, RecordFacts, facts_of

PARTS: Final = ("namespace", "tenant", "user", "session", "agent")
"""The names of an owner's parts, in their order."""

_MOST_MARKS: Final = 500
"""That are looked up at once in the full-text index, which takes 1,024 conditions in all."""

_FOR_EVER: Final = "z"
_LATEST: Final = "y"
"""After every time, and before what holds for ever."""

_UNKNOWN: Final = "-"
"""Before every number."""

_HALF: Final = re.compile("[\ud800-\udfff]")
_ESCAPE: Final = re.compile(r"\\(\\|u[0-9a-f]{4})")


def escaped(text: str) -> str:
    """The text as whole Unicode; no two texts give the same."""
    if text.isascii() and "\\" not in text:
        return text
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text.replace("\\", "\\\\"))


def unescaped(text: str) -> str:
    """The text that was escaped."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)


def digest(*parts: str) -> str:
    """A text that stands for these parts, in their order."""
    return mark(*parts).hex()


def owner_key(collection: str, owner: MemoryOwner) -> str:
    """Names an owner within all collections of a database."""
    return digest("owner", collection, *owner.parts)


def part_key(collection: str, name: str, value: str) -> str:
    """Names the owners of a collection that have this part."""
    return digest("part", collection, name, value)


def memory_key(owner: str, memory_id: str) -> str:
    """Names a memory within all collections of a database, by the key of its owner."""
    return digest("memory", owner, memory_id)


def sortable(number: float) -> str:
    """A finite number as text; texts have the order of their numbers."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63):016x}"


def ending(moment: float | None) -> str:
    """When a memory ends, as text; None: it does not."""
    return _FOR_EVER if moment is None else sortable(moment)


def _metadata_marks(metadata: Mapping[str, JsonValue]) -> list[str]:
    return ["m" + found.hex() for found in metadata_marks(metadata)]


def _marks(owner: str, facts: RecordFacts, metadata: Mapping[str, JsonValue]) -> list[str]:
    named = {"s": facts.source, "c": facts.scope, "a": facts.agent_name, "t": facts.trust_level}
    return [
        "o" + owner,
        *(letter + digest(value) for letter, value in named.items()),
        *(["injectable"] if facts.is_injectable else []),
        *([] if facts.is_internal else ["promoted"]),
        *_metadata_marks(metadata),
    ]


def properties(collection: str, record: MemoryRecord, terms: str) -> dict[str, object]:
    """The node of a memory, without its number and its vector."""
    owner, facts = owner_key(collection, record.owner), facts_of(record)
    return {
        "collection": collection,
        "memory_id": escaped(record.memory_id),
        "owner": owner,
        "text": escaped(record.text),
        "metadata": json.dumps(record.metadata),
        "written_at": float(record.written_at),
        "marks": _marks(owner, facts, record.metadata),
        "terms": terms,
        "expires": _FOR_EVER if facts.expires_at is None else sortable(facts.expires_at),
        "begins": _UNKNOWN if facts.valid_from is None else sortable(facts.valid_from),
        "ends": ending(facts.valid_until),
        "confidence": _UNKNOWN if facts.confidence is None else sortable(facts.confidence),
    }


def owner_properties(collection: str, owner: MemoryOwner) -> dict[str, object]:
    """The node of an owner: each part as it is, and the key by which it is found."""
    named = dict(zip(PARTS, owner.parts, strict=True))
    keys = {f"{name}_key": part_key(collection, name, value) for name, value in named.items()}
    return {"collection": collection, **{name: escaped(value) for name, value in named.items()}, **keys}


RECORD: Final = "m {.key, .owner, .number, .memory_id, .text, .metadata, .written_at} AS node"
"""What is read of the node of a memory `m`: what `record_of` needs, without what it is only found by."""


def record_of(node: Mapping[str, object], owner: MemoryOwner) -> MemoryRecord:
    """The memory that a node holds.

    Raises:
        StoreError: it holds none.
    """
    memory_id, text, metadata, at = (node.get(name) for name in ("memory_id", "text", "metadata", "written_at"))
    try:
        if not (isinstance(memory_id, str) and isinstance(text, str) and isinstance(metadata, str)):
            raise ValueError("A property is missing.")
        known: JsonValue = json.loads(metadata)
        if not isinstance(known, dict):
            raise ValueError("The metadata is no object.")
    except ValueError as exc:
        raise _damaged("a memory", node) from exc
    written_at = float(at) if isinstance(at, (int, float)) else 0.0
    return MemoryRecord(unescaped(memory_id), owner, unescaped(text), known, written_at)


def owner_of(node: Mapping[str, object]) -> MemoryOwner:
    """The owner that a node holds.

    Raises:
        StoreError: it holds none.
    """
    parts = [part for name in PARTS if isinstance(part := node.get(name), str)]
    if len(parts) != len(PARTS):
        raise _damaged("an owner", node)
    return MemoryOwner(*map(unescaped, parts))


def _damaged(what: str, node: Mapping[str, object]) -> StoreError:
    return StoreError(
        f"The node of {what} in the graph is damaged; its key is {node.get('key')!r:.80}.",
        guidance="Restore it from a backup, or forget the memories of its owner.",
    )


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a search looks at, in the terms of the graph.

    Attributes:
        owner: the key of the owner.
        groups: of each group, a record has a mark.
        after, until: between which texts its time of expiry lies; the first is excluded.
        confidence: its confidence is not before this text.
        moment: it begins not after this text and ends after it; empty: whenever it does.
    """

    owner: str
    groups: tuple[tuple[str, ...], ...]
    after: str
    until: str
    confidence: str
    moment: str

    @property
    def is_indexed(self) -> bool:
        """Whether the full-text index can be asked for all of it."""
        return len(self._indexed) == len(self.groups)

    @property
    def _indexed(self) -> list[tuple[str, ...]]:
        """The smallest groups, as many as there is room for."""
        by_size = sorted(self.groups, key=len)
        sizes = accumulate(len(group) for group in by_size)
        return [group for group, size in zip(by_size, sizes, strict=True) if size <= _MOST_MARKS]

    @property
    def parameters(self) -> dict[str, object]:
        """For `FITS`."""
        return {
            "owner": self.owner,
            "groups": [list(group) for group in self.groups],
            "after": self.after,
            "until": self.until,
            "confidence": self.confidence,
            "moment": self.moment,
        }

    def lucene(self, terms: list[str]) -> str:
        """The same for the full-text index; what it finds has one of these terms, which alone decide about the rank.

        Groups for which the index has no room are left out, so unless `is_indexed` this is only part of the condition.
        """
        groups = (" ".join(f'marks:"{mark}"' for mark in group) for group in (("o" + self.owner,), *self._indexed))
        return " ".join(
            [
                *(f"+({group})^0" for group in groups),
                f'+expires:{{"{self.after}" TO "{self.until}"]^0',
                *([f'+begins:["{_UNKNOWN}" TO "{self.moment}"]^0'] if self.moment else []),
                *([f'+ends:{{"{self.moment}" TO "{_FOR_EVER}"]^0'] if self.moment else []),
                *([f'+confidence:["{self.confidence}" TO "{_FOR_EVER}"]^0'] if self.confidence else []),
                "+(" + " ".join(f'terms:"{_quoted(term)}"' for term in terms) + ")",
            ]
        )


FITS: Final = (
    "m.owner = $owner AND m.expires > $after AND m.expires <= $until AND m.confidence >= $confidence "
    "AND ($moment = '' OR (m.begins <= $moment AND m.ends > $moment)) "
    "AND all(marks IN $groups WHERE any(mark IN marks WHERE mark IN m.marks))"
)
"""`Conditions` as Cypher, about a memory `m`."""


def conditions(owner: str, wanted: RecallFilter) -> Conditions | None:
    """What a filter means in the graph; None: nothing can fit it."""
    lists = (("s", wanted.sources), ("c", wanted.scopes), ("a", wanted.agent_names), ("t", wanted.trust_levels))
    named = [tuple(letter + digest(value) for value in dict.fromkeys(allowed)) for letter, allowed in lists if allowed]
    if any(allowed is not None and not allowed for _, allowed in lists):
        return None
    groups = [
        ("injectable",),
        *([] if wanted.with_internal else [("promoted",)]),
        *named,
        *((found,) for found in _metadata_marks(wanted.metadata)),
    ]
    return Conditions(
        owner,
        tuple(groups),
        sortable(wanted.now),
        _LATEST if wanted.needs_expiry else _FOR_EVER,
        "" if wanted.min_confidence is None else sortable(wanted.min_confidence),
        "" if wanted.moment is None else sortable(wanted.moment),
    )


def _quoted(term: str) -> str:
    return term.replace("\\", "\\\\").replace('"', '\\"')
