"""Prepare a generated JSON schema for a model: short, inlined where possible, closed to unknown properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lightagent.domain.json_types import JsonObject, JsonValue

# Keywords whose value is data, or a map from names to schemas; every other object is a schema.
_DATA = frozenset({"const", "default", "enum", "examples", "required"})
_MAPS = frozenset({"$defs", "dependentSchemas", "patternProperties", "properties"})
_NOISE = frozenset({"discriminator", "title"})
_DEFINITIONS = "#/$defs/"


def tidy(schema: JsonObject) -> JsonObject:
    """Return the schema without titles, and with definitions only where one is used twice or recursively."""
    plain = _without_noise(schema)
    definitions = plain.pop("$defs", None)
    if not isinstance(definitions, dict):
        return plain
    while (name := _to_inline(plain, definitions)) is not None:
        definition = definitions.pop(name)
        plain = _replaced(plain, name, definition)
        definitions = _replaced(definitions, name, definition)
    used = references(plain) + references(definitions)
    kept: JsonObject = {name: definition for name, definition in definitions.items() if used[_DEFINITIONS + name]}
    if kept:
        plain["$defs"] = kept
    return plain


def takes_unknown(schema: JsonObject) -> bool:
    """Whether any object that names its properties was declared to accept others too."""
    return any("properties" in one and one.get("additionalProperties") for one in _schemas(schema))


def forbid_unknown(schema: JsonObject) -> None:
    """Close every object that names its properties to other properties."""
    for one in _schemas(schema):
        if "properties" in one:
            one.setdefault("additionalProperties", False)


def has_integer_choices(schema: JsonObject) -> bool:
    """Whether an enumeration contains 0 or 1, which Python considers equal to false and true."""
    return any(_is_zero_or_one(choice) for one in _schemas(schema) for choice in _choices(one))


def _schemas(schema: JsonObject) -> Iterator[JsonObject]:
    yield schema
    for key, value in schema.items():
        if key in _DATA:
            continue
        parts = list(value.values()) if key in _MAPS and isinstance(value, dict) else value
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict):
                yield from _schemas(part)


def _choices(schema: JsonObject) -> list[JsonValue]:
    choices = schema.get("enum")
    return [*(choices if isinstance(choices, list) else []), schema.get("const")]


def _is_zero_or_one(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in (0, 1)


def _without_noise(schema: JsonObject) -> JsonObject:
    return {key: _plain(key, value) for key, value in schema.items() if key not in _NOISE}


def _plain(key: str, value: JsonValue) -> JsonValue:
    if key in _DATA:
        return value
    if isinstance(value, list):
        return [_without_noise(part) if isinstance(part, dict) else part for part in value]
    if not isinstance(value, dict):
        return value
    if key in _MAPS:
        return {name: _without_noise(part) if isinstance(part, dict) else part for name, part in value.items()}
    return _without_noise(value)


def _to_inline(plain: JsonObject, definitions: JsonObject) -> str | None:
    used = references(plain) + references(definitions)
    for name, definition in definitions.items():
        place = _DEFINITIONS + name
        if not isinstance(definition, dict) or references(definition)[place]:
            continue
        if used[place] == 1 or (used[place] > 1 and "properties" not in definition and not references(definition)):
            return name
    return None


def references(value: JsonValue) -> Counter[str]:
    """Count the targets of all references."""
    found: Counter[str] = Counter()
    for one in _objects(value):
        for reference in (one.get("$ref"), one.get("$dynamicRef")):
            if isinstance(reference, str):
                found[reference] += 1
    return found


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(child)


def _replaced(value: JsonObject, name: str, definition: JsonValue) -> JsonObject:
    changed = {key: _replaced_in(child, name, definition) for key, child in value.items()}
    if changed.get("$ref") == _DEFINITIONS + name and isinstance(definition, dict):
        del changed["$ref"]
        return {**definition, **changed}
    return changed


def _replaced_in(value: JsonValue, name: str, definition: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return _replaced(value, name, definition)
    return [_replaced_in(child, name, definition) for child in value] if isinstance(value, list) else value
