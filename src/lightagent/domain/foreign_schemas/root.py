"""The top of a schema: an object with ``properties``, without a union, an enumeration or a reference."""

from __future__ import annotations

from functools import reduce
from typing import Final

from lightagent.domain.foreign_schemas.keywords import Note
from lightagent.domain.foreign_schemas.references import Unmendable, referred
from lightagent.domain.json_types import JsonObject, JsonValue

_ALTERNATIVES: Final = ("anyOf", "oneOf")


class RootFlattener:
    """Makes one object of a union of objects: the properties of all, of which those are required that all require."""

    def __init__(self, definitions: JsonObject, note: Note) -> None:
        self._definitions = definitions
        self._note = note
        self._within: list[str] = []
        self._known: dict[str, JsonObject | None] = {}

    def flatten(self, schema: JsonObject) -> JsonObject:
        """The top of a cleaned schema.

        Raises:
            Unmendable: no object fits it.
        """
        flat = self._flat(schema)
        if flat is None:
            raise Unmendable(f"its top is not an object, but {_kind(schema)}")
        if "enum" in flat:
            self._note("root enum dropped")
            del flat["enum"]
        if flat.get("type") != "object":
            self._note("root type object set")
        properties = flat.get("properties")
        rest = {name: value for name, value in flat.items() if name not in ("type", "properties")}
        return {"type": "object", "properties": properties if isinstance(properties, dict) else {}, **rest}

    def _flat(self, schema: JsonObject) -> JsonObject | None:
        """Return `schema` without a reference or a union at its top; None if no object can match it."""
        name = referred(schema)
        if name:
            self._note("root $ref inlined")
            inlined = self._inlined(name)
            return None if inlined is None else inlined | {k: v for k, v in schema.items() if k != "$ref"}
        if not _may_be_object(schema.get("type")):
            return None
        flat = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf")}
        if isinstance(parts := schema.get("allOf"), list):
            self._note("root allOf flattened")
            flattened = [self._flat(part) for part in parts if isinstance(part, dict)]
            if None in flattened:
                return None
            flat = reduce(_both, [part for part in flattened if part is not None], flat)
        for keyword in _ALTERNATIVES:
            if isinstance(parts := schema.get(keyword), list):
                self._note(f"root {keyword} flattened")
                flattened = [self._flat(part) for part in parts if isinstance(part, dict)]
                fitting = [part for part in flattened if part is not None]
                if not fitting:
                    return None
                flat = _both(flat, reduce(_either, fitting))
        return flat

    def _inlined(self, name: str) -> JsonObject | None:
        """The definition of that name, flattened once however often it is referred to."""
        if name in self._known:
            return self._known[name]
        if name in self._within:
            raise Unmendable(f"its references lead in a circle: {' -> '.join([*self._within, name])[:200]}")
        self._within.append(name)
        definition = self._definitions[name]
        flat = self._flat(definition) if isinstance(definition, dict) else {}
        self._within.pop()
        self._known[name] = flat
        return flat


def _both(one: JsonObject, other: JsonObject) -> JsonObject:
    """What fits both, as far as can be said: the properties of both, and what either requires."""
    return _joined(one, other, _names(one) + [name for name in _names(other) if name not in _names(one)])


def _either(one: JsonObject, other: JsonObject) -> JsonObject:
    """What fits one or the other."""
    return _joined(one, other, [name for name in _names(one) if name in _names(other)])


def _joined(one: JsonObject, other: JsonObject, required: list[JsonValue]) -> JsonObject:
    joined: JsonObject = {"type": "object"}
    if description := one.get("description") or other.get("description"):
        joined["description"] = description
    properties = dict(_properties(one))
    for name, schema in _properties(other).items():
        properties[name] = _widened(properties[name], schema) if name in properties else schema
    joined["properties"] = properties
    if required:
        joined["required"] = required
    closed = [part["additionalProperties"] for part in (one, other) if "additionalProperties" in part]
    if len(closed) == 2 and closed[0] is False and closed[1] is False:
        joined["additionalProperties"] = False
    return joined


def _widened(one: JsonValue, other: JsonValue) -> JsonValue:
    """A property that two objects have: what either takes."""
    if one == other or not isinstance(one, dict) or not isinstance(other, dict):
        return one
    values, others = one.get("enum"), other.get("enum")
    if isinstance(values, list) and isinstance(others, list) and one.get("type") == other.get("type"):
        return {**one, "enum": [*values, *(value for value in others if value not in values)]}
    choices = [*_choices(one), *(choice for choice in _choices(other) if choice not in _choices(one))]
    if any(not _constraints(choice) for choice in choices):
        return next(choice for choice in choices if not _constraints(choice))
    return {"anyOf": choices}


def _choices(schema: JsonObject) -> list[JsonValue]:
    listed = schema.get("anyOf")
    return listed if isinstance(listed, list) and len(schema) == 1 else [schema]


def _constraints(schema: JsonValue) -> set[str]:
    return set() if not isinstance(schema, dict) else schema.keys() - {"description", "title", "default"}


def _properties(schema: JsonObject) -> JsonObject:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _names(schema: JsonObject) -> list[JsonValue]:
    found = schema.get("required")
    return found if isinstance(found, list) else []


def _may_be_object(kind: JsonValue) -> bool:
    if isinstance(kind, list):
        return "object" in kind
    return kind in (None, "object", "null")


def _kind(schema: JsonObject) -> str:
    kind = schema.get("type")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "something else")
