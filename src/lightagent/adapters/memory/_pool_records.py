"""Records of a pool as programs and agents see them, who name the user by one text."""

from __future__ import annotations

from datetime import UTC, datetime

from typing_extensions import TypedDict

from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord


class SharedRecord(TypedDict):
    """A record of a pool, as programs see it."""

    memory: str
    user_id: str
    metadata: JsonObject
    memory_id: str
    created_at: str


class SharedResults(TypedDict):
    """What a pool found, the best first."""

    results: list[SharedRecord]


def of_user(found: FoundMemory, place: MemoryOwner, user: str) -> FoundMemory:
    """What the store below found, as a record of the pool's user, unless the store says that it is another's."""
    if found.fields.get("user_id") != place.user_id:
        return found
    return FoundMemory(found.text, {**found.fields, "user_id": user}, found.beneath)


def pool_record(record: MemoryRecord) -> SharedRecord:
    return _shown(record.text, record.owner.user, record.metadata, record.memory_id, record.written_at)


def found_record(found: FoundMemory, user_id: str) -> SharedRecord:
    own = ("user_id", "memory_id", "created_at")
    metadata = to_json_object({name: value for name, value in found.fields.items() if name not in own}, "metadata")
    written = found.fields.get("created_at")
    at = written if isinstance(written, (int, float)) else 0.0
    return _shown(found.text, user_id, metadata, str(found.fields.get("memory_id", "")), at)


def _shown(text: str, user_id: str, metadata: JsonObject, memory_id: str, at: float) -> SharedRecord:
    return {
        "memory": text,
        "user_id": user_id,
        "metadata": {**metadata, "user_id": user_id},
        "memory_id": memory_id,
        "created_at": datetime.fromtimestamp(at, UTC).isoformat(),
    }
