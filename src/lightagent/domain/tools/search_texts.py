"""What a tool is found by: the texts of its declaration, and how much each of them counts.

A declaration may come from a server or a document of a stranger, so no more than a part of a huge one is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.text.search import WeightedText
from lightagent.domain.tools.spec import ToolSpec

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
"""Parameters of one object, and values of one enumeration, that are read."""

_MOST_JOINED: Final = 40_000
"""Characters of all texts of one kind that are read."""

_BRANCHES: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_WITHIN: Final = ("items", "additionalProperties", "not")


def tool_texts(spec: ToolSpec) -> tuple[WeightedText, ...]:
    """The texts of a declaration: its names, descriptions, parameters and the values that these may have."""
    names: list[str] = []
    descriptions: list[str] = []
    values: list[str] = []
    waiting: list[JsonObject] = [spec.parameters]
    for _ in range(_MOST_SUBSCHEMAS):
        if not waiting:
            break
        schema = waiting.pop()
        properties, description, listed = schema.get("properties"), schema.get("description"), schema.get("enum")
        if isinstance(properties, dict):
            names += [name[:_MOST_CHARS] for name in islice(properties, _MOST_VALUES)]
        if isinstance(description, str) and schema is not spec.parameters:
            descriptions.append(description[:_MOST_CHARS])
        if isinstance(listed, list):
            values += [value[:_MOST_CHARS] for value in listed[:_MOST_VALUES] if isinstance(value, str)]
        waiting += islice(_subschemas(schema), _MOST_SUBSCHEMAS)
    return (
        WeightedText(spec.name, _NAME),
        WeightedText(f"{spec.title[:_MOST_CHARS]} {spec.description[:_MOST_CHARS]}", _DESCRIPTION),
        WeightedText(" ".join(names)[:_MOST_JOINED], _PARAMETER_NAME),
        WeightedText(" ".join(descriptions)[:_MOST_JOINED], _PARAMETER_DESCRIPTION),
        WeightedText(" ".join(values)[:_MOST_JOINED], _VALUES, is_prose=False),
    )


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
