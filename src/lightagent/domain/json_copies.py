"""Copies of JSON values, for what leaves to users: they may change what they are given, and nothing else changes."""

from __future__ import annotations

from typing import overload

from lightagent.domain.json_types import JsonObject, JsonValue


@overload
def copy_json(value: JsonObject) -> JsonObject: ...
@overload
def copy_json(value: JsonValue) -> JsonValue: ...
def copy_json(value: JsonValue) -> JsonValue:
    """A copy that shares no list and no object with `value`. Texts, numbers, booleans and null need no copy."""
    if isinstance(value, dict):
        return {name: copy_json(one) if isinstance(one, dict | list) else one for name, one in value.items()}
    if isinstance(value, list):
        return [copy_json(one) if isinstance(one, dict | list) else one for one in value]
    return value
