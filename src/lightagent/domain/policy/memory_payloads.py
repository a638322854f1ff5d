"""What policies review of a run's memories: what is looked for and found, written, and promoted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.records import FoundMemory


@dataclass(frozen=True, slots=True)
class MemoryQueryPayload:
    """memory_retrieve: what memories are looked for, before the store is asked. Only the query may be rewritten.

    Attributes:
        query: what is looked for.
        memory_user_id: whose memories, as stores know the user.
        original_user_id: the same user as the application names them.
        source, scope: which sort of memories: ``user`` and ``user``, or ``reflection`` and ``agent`` for lessons.
    """

    query: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str


@dataclass(frozen=True, slots=True)
class MemoriesPayload:
    """memory_found: what a store found, before the memory policy is asked. Only the memories may be rewritten.

    Attributes:
        memories: objects with ``memory``, the text, and whatever else is known of it.
        query, memory_user_id, original_user_id, source, scope: as in `MemoryQueryPayload`.
    """

    memories: tuple[JsonObject, ...]
    query: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str


@dataclass(frozen=True, slots=True)
class MemoryWritePayload:
    """memory_write: a text that would be remembered, before the memory policy is asked. Only `data` may be rewritten.

    Attributes:
        data: the text.
        memory_user_id, original_user_id, source, scope: as in `MemoryQueryPayload`.
    """

    data: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str


@dataclass(frozen=True, slots=True)
class MemoryWrittenPayload:
    """memory_written: a text that was remembered. What blocks it has it taken back, where the store can forget.

    Attributes:
        data: the text.
        metadata: of its record.
        memory_user_id, original_user_id, source, scope: as in `MemoryQueryPayload`.
    """

    data: str
    metadata: JsonObject
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str


@dataclass(frozen=True, slots=True)
class MemoryPromotionPayload:
    """memory_promote: a candidate, before it is decided whether it becomes a memory.

    Only `data` and `decision` may be rewritten.

    Attributes:
        candidate: as `MemoryCandidate.to_dict` gives it.
        data: its text.
        decision: what was decided: an object with ``action`` and perhaps ``reason``, ``value`` and ``metadata``; None
            where the memory policy is to be asked.
        memory_user_id, original_user_id, source, scope: as in `MemoryQueryPayload`.
    """

    candidate: JsonObject
    data: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str
    decision: JsonValue = None


@dataclass(frozen=True, slots=True)
class MemoryPromotedPayload:
    """memory_promoted: a candidate that became a memory. What blocks it has it taken back, where the store can forget.

    Attributes:
        candidate: as `MemoryCandidate.to_dict` gives it, promoted.
        data: the text that is remembered.
        metadata: of its record.
        memory_user_id, original_user_id, source, scope: as in `MemoryQueryPayload`.
    """

    candidate: JsonObject
    data: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str
    metadata: JsonObject = field(default_factory=dict)


MemoryPayload: TypeAlias = (
    MemoryQueryPayload
    | MemoriesPayload
    | MemoryWritePayload
    | MemoryWrittenPayload
    | MemoryPromotionPayload
    | MemoryPromotedPayload
)


def shown_memory(found: FoundMemory) -> JsonObject:
    """A record as policies are shown it; what is not plain JSON is told as text."""
    known, beneath = _all_plain(found.fields), _all_plain(found.beneath)
    beside = {name: known[name] for name in known if name in beneath or name == "user_id"}
    metadata = {name: value for name, value in known.items() if name not in beside}
    return {"memory": found.text, "metadata": {**metadata, **beneath}, **beside}


def plain_memory(found: FoundMemory) -> FoundMemory:
    """The record in plain JSON, so that rules can compare what it says, and policies are shown what is judged.

    A time is told in ISO 8601, and what is nothing in JSON as text, by the methods of whatever object it is.
    """
    return FoundMemory(found.text, _all_plain(found.fields), _all_plain(found.beneath))


def _all_plain(fields: Mapping[str, object]) -> dict[str, JsonValue]:
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return [_plain(one) for one in value]
    try:
        return to_json_object({"value": value}, "memory")["value"]
    except ConfigurationError:
        return str(value)
