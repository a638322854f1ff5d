"""Digests by which stores look up what may be of any length and hold any characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.records import MemoryOwner


def encoded(text: str) -> bytes:
    """Any text as bytes, with null characters and halves of surrogate pairs."""
    return text.encode("utf-8", "surrogatepass")


def decoded(content: bytes) -> str:
    """The text of `encoded`.

    Raises:
        UnicodeDecodeError: it is none.
    """
    return content.decode("utf-8", "surrogatepass")


def mark(*parts: str) -> bytes:
    """32 bytes that no other list of texts has: each is preceded by its length."""
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in map(encoded, parts))).digest()


def owner_mark(owner: MemoryOwner) -> bytes:
    """What the records of exactly this owner are found by."""
    return mark(*owner.parts)


def record_mark(owner: MemoryOwner, memory_id: str) -> bytes:
    """What one record is found by: its id names it among those of its owner."""
    return mark("record", *owner.parts, memory_id)


def metadata_marks(metadata: Mapping[str, JsonValue]) -> list[bytes]:
    """What a record is found by for each key of its metadata, sorted; equal values have equal ones."""
    return sorted(mark(name, json.dumps(_plain(value), sort_keys=True)) for name, value in metadata.items())


def some_marks(texts: Iterable[str] | None) -> list[bytes] | None:
    """The mark of each text; None of none."""
    return None if texts is None else [mark(text) for text in texts]


def _plain(value: JsonValue) -> JsonValue:
    """The value with one form for numbers that are equal in Python: 1, 1.0 and True."""
    if isinstance(value, (bool, float)) and value == int(value):
        return int(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
