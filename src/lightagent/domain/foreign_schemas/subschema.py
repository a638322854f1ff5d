"""One schema, and those within it."""

from __future__ import annotations

import re
from typing import Final

from lightagent.domain.foreign_schemas.keywords import (
    Note,
    cleaned_enum,
    cleaned_required,
    cleaned_type,
    is_valid_annotation,
)
from lightagent.domain.foreign_schemas.references import DEFINITIONS, References, Unmendable
from lightagent.domain.json_types import JsonObject, JsonValue

_UNIONS: Final = ("anyOf", "oneOf", "allOf")
_PROPERTY_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# What is looked at together with its neighbours, and so not keyword by keyword.
_TOGETHER: Final = frozenset(
    {"$ref", "type", "enum", "const", "nullable", "items", "prefixItems", "properties", "required", *_UNIONS}
)
_QUIETLY_DROPPED: Final = frozenset({"$defs", "definitions"})


class Cleaner:
    """Cleans a schema, and each definition that it meets a reference to."""

    def __init__(self, references: References, note: Note) -> None:
        self._references = references
        self._note = note
        self._waiting: dict[str, JsonValue] = {}
        self._done: JsonObject = {}

    def definitions(self) -> JsonObject:
        """Every definition that was referred to, cleaned; those that they refer to as well."""
        while self._waiting:
            name, schema = self._waiting.popitem()
            self._done[name] = {}  # It may refer to itself.
            self._done[name] = self.clean(schema)
        return {name: self._done[name] for name in sorted(self._done)}

    def clean(self, schema: JsonValue) -> JsonObject:
        """`schema` with what providers take of it."""
        if not isinstance(schema, dict):
            if schema is not True:
                self._note("false schema -> {}" if schema is False else "what is not a schema -> {}")
            return {}
        if isinstance(reference := schema.get("$ref"), str):
            return self._reference(reference, schema)
        cleaned: JsonObject = {}
        self._values(schema, cleaned)
        self._properties(schema, cleaned)
        self._items(schema, cleaned)
        for name in _UNIONS:
            self._union(name, schema, cleaned)
        if schema.get("nullable") is True:
            return self._nullable(cleaned)
        return cleaned

    def _reference(self, reference: str, schema: JsonObject) -> JsonObject:
        name, target = self._references.target(reference)
        if name not in self._done:
            self._waiting[name] = target
        cleaned: JsonObject = {"$ref": f"{DEFINITIONS}{name}"}
        if isinstance(description := schema.get("description"), str):
            cleaned["description"] = description
        if schema.keys() - {"$ref", "description", "nullable", *_QUIETLY_DROPPED}:
            self._note("keywords beside $ref -> dropped")
        return self._nullable(cleaned) if schema.get("nullable") is True else cleaned

    def _values(self, schema: JsonObject, cleaned: JsonObject) -> None:
        """What holds no schema, and ``additionalProperties``; in the order of the original."""
        for name, value in schema.items():
            if name == "type":
                if (kind := cleaned_type(value, self._note)) is not None:
                    cleaned["type"] = kind
            elif name in ("enum", "const"):
                if "enum" not in cleaned and (values := cleaned_enum(schema, self._note)):
                    cleaned["enum"] = values
            elif name == "nullable":
                self._note("nullable dropped")
            elif name == "additionalProperties":
                cleaned[name] = value if isinstance(value, bool) else self.clean(value)
            elif name not in _TOGETHER and name not in _QUIETLY_DROPPED and self._may_stay(name, value):
                cleaned[name] = value

    def _may_stay(self, name: str, value: JsonValue) -> bool:
        return is_valid_annotation(name, value, self._note)

    def _properties(self, schema: JsonObject, cleaned: JsonObject) -> None:
        listed = schema.get("properties")
        properties: JsonObject = {}
        if isinstance(listed, dict):
            required = schema.get("required")
            for name, value in listed.items():
                if self._is_sayable(name, required if isinstance(required, list) else []):
                    properties[name] = self.clean(value)
            cleaned["properties"] = properties
        elif "properties" in schema:
            self._note("properties that are none dropped")
        if "required" in schema and (names := cleaned_required(schema["required"], properties, self._note)):
            cleaned["required"] = names

    def _is_sayable(self, name: str, required: list[JsonValue]) -> bool:
        """Whether providers take a property of that name; without one that may be left out the tool still works."""
        if _PROPERTY_NAME.fullmatch(name):
            return True
        if name in required:
            raise Unmendable(f"providers refuse the name of its property {name[:100]!r}, which is required")
        self._note(f"property {name[:60]!r} left out: providers refuse its name")
        return False

    def _items(self, schema: JsonObject, cleaned: JsonObject) -> None:
        places = [one for key in ("prefixItems", "items") for one in _listed(schema.get(key))]
        rest = schema.get("items")
        if places:
            self._note("tuple items -> anyOf")
            choices = _distinct([self.clean(one) for one in (*places, *([rest] if isinstance(rest, dict) else []))])
            cleaned["items"] = choices[0] if len(choices) == 1 else {"anyOf": choices}
        elif isinstance(rest, dict):
            cleaned["items"] = self.clean(rest)
        elif _is_array(cleaned.get("type")):
            self._note("items added")
            cleaned["items"] = {}
        elif "items" in schema:
            self._note("items that are none dropped")

    def _union(self, name: str, schema: JsonObject, cleaned: JsonObject) -> None:
        if name not in schema:
            return
        choices = [self.clean(one) for one in _listed(schema[name])]
        if choices:
            cleaned[name] = [*choices]
        else:
            self._note(f"{name} without schemas dropped")

    def _nullable(self, cleaned: JsonObject) -> JsonObject:
        """What says so in the words of OpenAPI 3.0, in those of JSON Schema."""
        self._note("nullable -> null")
        kind = cleaned.get("type")
        if isinstance(kind, (str, list)):
            kinds = [kind] if isinstance(kind, str) else kind
            with_null: JsonObject = {**cleaned, "type": [*kinds, *(["null"] if "null" not in kinds else [])]}
            values = cleaned.get("enum")
            if isinstance(values, list) and None not in values:
                with_null["enum"] = [*values, None]
            return with_null
        description = {name: cleaned[name] for name in ("description",) if name in cleaned}
        inner = {name: value for name, value in cleaned.items() if name != "description"}
        return {"anyOf": [inner, {"type": "null"}], **description} if inner else cleaned


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _distinct(schemas: list[JsonObject]) -> list[JsonValue]:
    kept: list[JsonValue] = []
    for schema in schemas:
        if schema not in kept:
            kept.append(schema)
    return kept


def _is_array(kind: JsonValue) -> bool:
    return kind == "array" or (isinstance(kind, list) and "array" in kind)
