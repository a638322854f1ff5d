"""JSON as a type, and the two questions the tests ask of it."""

import json
from typing import TypeAlias, Union

Json: TypeAlias = Union["JsonObject", list["Json"], str, int, float, bool, None]
JsonObject: TypeAlias = dict[str, Json]


def parse(text: str | bytes) -> Json:
    value: Json = json.loads(text)
    return value


def as_object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object, got {value!r:.200}")
    return value


def as_list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError(f"expected a JSON array, got {value!r:.200}")
    return value
