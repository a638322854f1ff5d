"""The values of hooks about a run's memories, and the payloads with their replacements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonInput, JsonObject, JsonValue
from lightagent.domain.memory.memories import MemoryPromotionDecision
from lightagent.domain.policy.memory_payloads import (
    MemoriesPayload,
    MemoryPayload,
    MemoryPromotedPayload,
    MemoryPromotionPayload,
    MemoryQueryPayload,
    MemoryWritePayload,
    MemoryWrittenPayload,
)


def shown_memories(payload: MemoryPayload) -> JsonObject:
    """The value for a hook; a copy that it may change."""
    about: JsonObject = {
        "memory_user_id": payload.memory_user_id,
        "original_user_id": payload.original_user_id,
        "source": payload.source,
        "scope": payload.scope,
    }
    match payload:
        case MemoryQueryPayload(query=query):
            return {"query": query, **about}
        case MemoriesPayload(query=query, memories=memories):
            return {"query": query, **about, "memories": {"results": [copy_json(one) for one in memories]}}
        case MemoryWritePayload(data=data):
            return {"data": data, **about}
        case MemoryWrittenPayload(data=data, metadata=metadata):
            return {"data": data, **about, "metadata": copy_json(metadata)}
        case MemoryPromotionPayload(candidate=candidate, data=data, decision=decision):
            return {"candidate": copy_json(candidate), "data": data, **about, "decision": _copied(decision)}
        case MemoryPromotedPayload(candidate=candidate, data=data, metadata=metadata):
            return {"candidate": copy_json(candidate), "data": data, **about, "metadata": copy_json(metadata)}


def changed_memories(payload: MemoryPayload, key: str, value: JsonValue) -> MemoryPayload:
    """The payload with another value of a key that a hook may replace.

    Raises:
        ConfigurationError: the value does not fit; the text does not quote it.
    """
    match payload:
        case MemoryQueryPayload():
            return replace(payload, query=_text(value, key))
        case MemoriesPayload():
            return replace(payload, memories=_memories(value))
        case MemoryWritePayload():
            return replace(payload, data=_text(value, key))
        case MemoryPromotionPayload() if key == "data":
            return replace(payload, data=_text(value, key))
        case MemoryPromotionPayload():
            return replace(payload, decision=value)
        case _:
            return payload


def with_plain_decision(given: Mapping[str, JsonInput]) -> Mapping[str, JsonInput]:
    """A hook's answer whose decision may be a `MemoryPromotionDecision`, which is converted to plain JSON."""
    decision: object = given.get("decision")
    if not isinstance(decision, MemoryPromotionDecision):
        return given
    return {**given, "decision": decision.to_dict()}


def _memories(value: JsonValue) -> tuple[JsonObject, ...]:
    """The records that a hook left, in their original form or as a list."""
    found = value.get("results") if isinstance(value, dict) else value
    if not isinstance(found, list):
        raise ConfigurationError("memories must be a list of records, or an object with results.")
    records: list[JsonObject] = []
    for one in found:
        if not isinstance(one, dict):
            raise ConfigurationError(f"each of the memories must be an object, not {type(one).__name__}.")
        records.append(one)
    return tuple(records)


def _text(value: JsonValue, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{key} must be text, not {type(value).__name__}.")
    return value


def _copied(value: JsonValue) -> JsonValue:
    return copy_json(value) if isinstance(value, dict) else value
