"""Copies of JSON values: what leaves a run must not lead back into its journal."""

from __future__ import annotations

from lightagent.domain.json_types import JsonObject, JsonValue


def copy_json(value: JsonValue) -> JsonValue:
    """A copy that shares no list and no object with `value`."""
    if isinstance(value, dict):
        return {name: copy_json(child) for name, child in value.items()}
    if isinstance(value, list):
        return [copy_json(child) for child in value]
    return value


def copy_object(value: JsonObject) -> JsonObject:
    """`copy_json` for an object."""
    return {name: copy_json(child) for name, child in value.items()} if value else {}
