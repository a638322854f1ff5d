"""A schema that is too large for a model, shown only as deep as it fits. Arguments are checked against the whole.

Where a reference stands, what it leads to is put in its place, so schemas that refer to each other grow by a factor
with each level. What grows beyond what a model could be shown is given up at once.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.openapi.values import object_of, text_of

_DEFINITIONS: Final = "#/$defs/"
_KEPT_AT_THE_END: Final = ("type", "enum", "format", "nullable")
_WORDS: Final = 200
_MOST_SCHEMAS: Final = 5_000
"""Schemas within the shortened one. Of 30,000 characters, which a model is shown at most, each takes some."""


def shortened_schema(schema: JsonObject, depth: int) -> JsonObject | None:
    """The schema with its references resolved and without what is deeper than `depth`; texts within are cut.

    None where there is too much of it even so.
    """
    shortening = _Shortening(object_of(schema.get("$defs")))
    try:
        return shortening.of({name: value for name, value in schema.items() if name != "$defs"}, depth)
    except _TooMuch:
        return None


class _TooMuch(Exception):
    pass


class _Shortening:
    def __init__(self, definitions: JsonObject) -> None:
        self._definitions = definitions
        self._left = _MOST_SCHEMAS

    def of(self, schema: JsonObject, depth: int) -> JsonObject:
        """One schema, of which `depth` levels are left."""
        self._left -= 1
        if self._left < 0:
            raise _TooMuch
        schema = self._resolved(schema)
        if depth <= 0:
            return {name: value for name, value in schema.items() if name in _KEPT_AT_THE_END}
        return {name: self._keyword(name, value, depth - 1) for name, value in schema.items()}

    def _keyword(self, name: str, value: JsonValue, depth: int) -> JsonValue:
        if name in ("enum", "const", "default", "required", "type"):
            return value
        if name in ("title", "description") and isinstance(value, str):
            return value[:_WORDS]
        if name in ("properties", "patternProperties", "dependentSchemas") and isinstance(value, dict):
            return {key: self._one(one, depth) for key, one in value.items()}
        if isinstance(value, list):
            return [self._one(one, depth) for one in value]
        return self._one(value, depth)

    def _one(self, value: JsonValue, depth: int) -> JsonValue:
        return self.of(value, depth) if isinstance(value, dict) else value

    def _resolved(self, schema: JsonObject) -> JsonObject:
        """The schema in the place of a reference to it, as far as references do not go round."""
        for _ in range(20):
            reference = text_of(schema.get("$ref"))
            if not reference.startswith(_DEFINITIONS):
                break
            target = object_of(self._definitions.get(reference.removeprefix(_DEFINITIONS)))
            schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
        return {name: value for name, value in schema.items() if name != "$ref"}
