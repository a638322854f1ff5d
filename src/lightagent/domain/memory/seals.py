"""How memories are sealed: each by a code over its owner, id, content, metadata and time, which only a key can make.

A memory that was edited, planted or copied from another owner, id or store has no code that fits. That one was removed,
or that an older state of the whole store was put back, is told by the stream of its owner: see `memory_stream`. The
code also covers where that stream ended when the memory was sealed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest, digest
from typing import Final, Literal

from lightagent.domain.journals.keys import packed
from lightagent.domain.journals.seals import SealKeys, seal_keys
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord

SEAL: Final = "_seal"
"""Where the metadata of a sealed memory has its seal."""

TAMPERED: Final[Literal["tampered"]] = "tampered"
"""The field by which a memory whose seal does not fit is known; its text is not given."""

_VERSION: Final = "1"
_SHADOWED: Final = ("user_id", "memory_id", "created_at")
"""Metadata of these names is not seen in what a search gives, which says there whose it is; the seal keeps it."""


@dataclass(frozen=True, slots=True)
class StreamPlace:
    """Where the stream of an owner ended at some moment.

    Attributes:
        sequence: of its last entry; 0 where it had none.
        link: the first characters of the code of that entry.
    """

    sequence: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class RecordSeal:
    """What a seal says, once it was found to fit.

    Attributes:
        code: stands for the record as it was sealed, in the stream of its owner.
        after: where that stream ended; None if the record was sealed without a stream.
    """

    code: str
    after: StreamPlace | None = None


def memory_keys(store: str, secrets: Mapping[str, str], current: str = "") -> SealKeys:
    """Derive the keys of a store of memories, as `seal_keys` does for journals; the same secret gives other keys.

    Raises:
        ConfigurationError: as `seal_keys`.
    """
    return seal_keys(store, secrets, current, use="memory")


def sealed(keys: SealKeys, record: MemoryRecord, after: StreamPlace | None = None) -> JsonObject:
    """Return the metadata of a record with its seal, which replaces an existing one.

    Args:
        after: where the stream of its owner ends; None for a store without streams.
    """
    metadata = without_seal(record.metadata)
    shadowed: JsonObject = {name: metadata[name] for name in _SHADOWED if name in metadata}
    place: list[JsonValue] = [] if after is None else [after.sequence, after.link]
    root = keys.roots[keys.current]
    code = _code(root, record.owner, record.memory_id, record.text, metadata, record.written_at, place)
    seal: JsonObject = {"key": keys.current, "code": code, "shadowed": shadowed}
    if place:
        seal["after"] = place
    return {**metadata, SEAL: seal}


def seal_of(record: MemoryRecord) -> RecordSeal | None:
    """Return what the seal of a record claims, or None without a readable seal."""
    seal = record.metadata.get(SEAL)
    code = seal.get("code") if isinstance(seal, dict) else None
    if not isinstance(seal, dict) or not isinstance(code, str):
        return None
    match _plain(seal.get("after")):
        case [int(sequence), str(link)]:
            return RecordSeal(code, StreamPlace(sequence, link))
        case _:
            return RecordSeal(code)


def without_seal(metadata: Mapping[str, JsonValue]) -> JsonObject:
    """Metadata as it was before it was sealed."""
    return {name: value for name, value in metadata.items() if name != SEAL}


def is_genuine(keys: SealKeys, record: MemoryRecord) -> bool:
    """Whether a record is as it was sealed."""
    metadata = without_seal(record.metadata)
    return _fits(
        keys, record.metadata.get(SEAL), record.owner, record.memory_id, record.text, metadata, record.written_at
    )


def opened(keys: SealKeys, owner: MemoryOwner, found: FoundMemory) -> FoundMemory:
    """A memory of this owner as a search found it, without its seal; without its text where the seal does not fit."""
    memory_id, written_at, seal = found.fields.get("memory_id"), found.fields.get("created_at"), found.fields.get(SEAL)
    fields = {name: value for name, value in found.fields.items() if name != SEAL}
    shadowed = seal.get("shadowed") if isinstance(seal, dict) else None
    metadata = {name: value for name, value in fields.items() if name not in _SHADOWED}
    if isinstance(shadowed, dict) and shadowed.keys() <= set(_SHADOWED):
        metadata |= shadowed
    if (
        isinstance(memory_id, str)
        and isinstance(written_at, (int, float))
        and _fits(keys, seal, owner, memory_id, found.text, metadata, written_at)
    ):
        return FoundMemory(found.text, fields)
    return FoundMemory("", {"memory_id": memory_id, "user_id": owner.user_id, TAMPERED: True})


def _fits(
    keys: SealKeys,
    seal: object,
    owner: MemoryOwner,
    memory_id: str,
    text: str,
    metadata: Mapping[str, object],
    written_at: float,
) -> bool:
    if not isinstance(seal, dict):
        return False
    name, code, shadowed = seal.get("key"), seal.get("code"), seal.get("shadowed")
    root = keys.roots.get(name) if isinstance(name, str) else None
    kept = {name: metadata[name] for name in _SHADOWED if name in metadata}
    if root is None or not isinstance(code, str) or shadowed != kept:
        return False
    expected = _code(root, owner, memory_id, text, metadata, written_at, seal.get("after", []))
    return compare_digest(expected.encode(), code.encode("utf-8", "surrogatepass"))


def _code(
    root: bytes,
    owner: MemoryOwner,
    memory_id: str,
    text: str,
    metadata: Mapping[str, object],
    written_at: float,
    after: object,
) -> str:
    content = json.dumps(_plain(metadata), sort_keys=True, separators=(",", ":"))
    place = json.dumps(_plain(after), separators=(",", ":"))
    parts = packed(_VERSION, *owner.parts, memory_id, text, content, repr(float(written_at)), place)
    return digest(root, parts, "sha256").hex()


def _plain(value: object) -> object:
    """The same value for the same JSON: some stores give a whole number back as one with a fraction of nothing."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
