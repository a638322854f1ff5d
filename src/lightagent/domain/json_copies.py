"""Copies of JSON values, for what leaves to users, who may change what they are given; and whether two are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, overload

from typing_extensions import TypeIs

from lightagent.domain.json_types import JsonInput, JsonObject, JsonValue

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


def is_sequence(value: object) -> TypeIs[Sequence[object]]:
    """Whether the value is a sequence whose members are meant, and no text and no bytes."""
    if isinstance(value, (list, tuple)):
        return True
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))


def plain_object(given: Mapping[str, JsonInput], around: tuple[int, ...] = ()) -> JsonObject:
    """A copy of what a caller gave to be kept and maybe shown, with dictionaries and lists in it.

    Nothing is checked: what is no JSON stays what it is, and null stands where a value holds itself.
    """
    within = (*around, id(given))
    return {name: _plain(one, within) for name, one in given.items()}


def _plain(value: JsonInput, around: tuple[int, ...]) -> JsonValue:
    if id(value) in around:
        return None
    if isinstance(value, (dict, Mapping)):
        return plain_object(value, around)
    if is_sequence(value):
        within = (*around, id(value))
        return [_plain(one, within) for one in value]
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
