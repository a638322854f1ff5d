"""Copies of JSON values, for what leaves to users, who may change what they are given; and whether two are the same."""

from __future__ import annotations

from typing import Final, overload

from lightagent.domain.json_types import JsonObject, JsonValue

_NESTED: Final = (dict, list, tuple)


@overload
def copy_json(value: JsonObject) -> JsonObject: ...
@overload
def copy_json(value: JsonValue) -> JsonValue: ...
def copy_json(value: JsonValue) -> JsonValue:
    """A copy that shares no list and no object with `value`. Texts, numbers, booleans and null need no copy.

    A tuple, which foreign code may give for a list, becomes one.
    """
    if isinstance(value, dict):
        return {name: copy_json(one) if isinstance(one, _NESTED) else one for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [copy_json(one) if isinstance(one, _NESTED) else one for one in value]
    return value


def same_json(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same JSON; to Python itself, true is 1 and 1 is 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one == other
