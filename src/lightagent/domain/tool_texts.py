"""What a tool is found by: the texts of its declaration, and how much each of them counts.

A declaration may come from a server or a document of anybody's, so no more than a part of a huge one is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.search_text import WeightedText
from lightagent.domain.tools import ToolSpec

_NAME: Final = 2.0
_DESCRIPTION: Final = 1.0
_PARAMETER_NAME: Final = 0.75
_PARAMETER_DESCRIPTION: Final = 0.3
_VALUES: Final = 0.5

_MOST_CHARS: Final = 4_000
"""Characters of one text that are read."""

_MOST_SUBSCHEMAS: Final = 400
"""Parts of a schema that are read."""

_MOST_VALUES: Final = 200
"""Values of one enumeration that are read."""

_BRANCHES: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_WITHIN: Final = ("items", "additionalProperties", "not")


def tool_texts(spec: ToolSpec) -> Iterator[WeightedText]:
    """The texts of a declaration: its names, descriptions, parameters and the values that these may have."""
    yield WeightedText(spec.name, _NAME)
    if spec.title:
        yield WeightedText(spec.title[:_MOST_CHARS], _DESCRIPTION)
    yield WeightedText(spec.description[:_MOST_CHARS], _DESCRIPTION)
    waiting: list[JsonObject] = [spec.parameters]
    for _ in range(_MOST_SUBSCHEMAS):
        if not waiting:
            return
        schema = waiting.pop()
        yield from _own_texts(schema, is_root=schema is spec.parameters)
        waiting.extend(_subschemas(schema))


def _own_texts(schema: JsonObject, *, is_root: bool) -> Iterator[WeightedText]:
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name in properties:
            yield WeightedText(name[:_MOST_CHARS], _PARAMETER_NAME)
    description = schema.get("description")
    if isinstance(description, str) and not is_root:
        yield WeightedText(description[:_MOST_CHARS], _PARAMETER_DESCRIPTION)
    values = schema.get("enum")
    if isinstance(values, list):
        text = " ".join(value for value in values[:_MOST_VALUES] if isinstance(value, str))
        yield WeightedText(text[:_MOST_CHARS], _VALUES, is_prose=False)


def _subschemas(schema: JsonObject) -> Iterator[JsonObject]:
    for keyword in ("properties", "$defs"):
        within = schema.get(keyword)
        if isinstance(within, dict):
            yield from _objects(within.values())
    for keyword in _BRANCHES:
        within = schema.get(keyword)
        if isinstance(within, list):
            yield from _objects(within)
    for keyword in _WITHIN:
        within = schema.get(keyword)
        if isinstance(within, dict):
            yield within


def _objects(values: Iterable[JsonValue]) -> Iterator[JsonObject]:
    return (value for value in values if isinstance(value, dict))
