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
from typing import Final

from lightagent.adapters.memory._marks import mark, metadata_marks
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.recall_filter import RecordFacts, facts_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord

PARTS: Final = ("namespace", "tenant", "user", "session", "agent")
"""The names of an owner's parts, in their order."""

FOR_EVER: Final = "z"
LATEST: Final = "y"
"""After every time, and before what holds for ever."""

UNKNOWN: Final = "-"
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
    """When a memory ends or expires, as text; None: it does not."""
    return FOR_EVER if moment is None else sortable(moment)


def marks_of(metadata: Mapping[str, JsonValue]) -> list[str]:
    """The marks of what metadata says."""
    return ["m" + found.hex() for found in metadata_marks(metadata)]


def _marks(owner: str, facts: RecordFacts, metadata: Mapping[str, JsonValue]) -> list[str]:
    named = {"s": facts.source, "c": facts.scope, "a": facts.agent_name, "t": facts.trust_level}
    return [
        "o" + owner,
        *(letter + digest(value) for letter, value in named.items()),
        *(["injectable"] if facts.is_injectable else []),
        *([] if facts.is_internal else ["promoted"]),
        *marks_of(metadata),
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
        "expires": ending(facts.expires_at),
        "begins": UNKNOWN if facts.valid_from is None else sortable(facts.valid_from),
        "ends": ending(facts.valid_until),
        "confidence": UNKNOWN if facts.confidence is None else sortable(facts.confidence),
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
            raise ValueError("The metadata is not an object.")
    except (ValueError, RecursionError) as exc:
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
