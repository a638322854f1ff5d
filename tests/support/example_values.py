"""A value for a JSON schema, always the same one: plain, and good enough for documents that people publish."""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue

FORMATS: Final[dict[str, str]] = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "uri": "https://example.com/a",
    "email": "a@example.com",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
}
DEEPEST: Final = 4


def example(schema: JsonValue, definitions: JsonObject, *, everything: bool = False, depth: int = 0) -> JsonValue:
    """A value that fits.

    Args:
        everything: with the properties that need not be there, as far as they do not lead too deep.
    """
    if not isinstance(schema, dict):
        return {}
    schema = _merged(schema, definitions)
    if "const" in schema:
        return schema["const"]
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, definitions, everything=everything, depth=depth)
    if kind == "array":
        least = schema.get("minItems", 0)
        many = max(int(least) if isinstance(least, int) else 0, 1 if depth < DEEPEST and everything else 0)
        return [
            example(schema.get("items", {}), definitions, everything=everything, depth=depth + 1) for _ in range(many)
        ]
    return _single(kind, schema)


def _object(schema: JsonObject, definitions: JsonObject, *, everything: bool, depth: int) -> JsonObject:
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    known = properties if isinstance(properties, dict) else {}
    return {
        name: example(one, definitions, everything=everything, depth=depth + 1)
        for name, one in known.items()
        if name in needed or (everything and depth < DEEPEST - 1)
    }


def _single(kind: JsonValue, schema: JsonObject) -> JsonValue:
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        value = (int(low) if isinstance(low, int | float) else 0) + 1
        high = schema.get("maximum")
        return min(value, int(high)) if isinstance(high, int | float) else value
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    text = FORMATS.get(str(schema.get("format")), "main")
    least, most = schema.get("minLength"), schema.get("maxLength")
    text = text.ljust(least, "x") if isinstance(least, int) else text
    return text[:most] if isinstance(most, int) else text


def _merged(schema: JsonObject, definitions: JsonObject) -> JsonObject:
    """The schema without references and alternatives: the first of these, and all that must hold together."""
    for _ in range(20):
        reference, union = (
            schema.get("$ref"),
            next((w for w in ("oneOf", "anyOf") if isinstance(schema.get(w), list)), ""),
        )
        parts = schema.get("allOf")
        if isinstance(reference, str):
            found = definitions.get(reference.removeprefix("#/$defs/"), {})
            schema = {**(found if isinstance(found, dict) else {}), **{k: v for k, v in schema.items() if k != "$ref"}}
        elif isinstance(parts, list):
            whole = {name: value for name, value in schema.items() if name != "allOf"}
            for part in parts:
                whole = _joined(whole, _merged(part, definitions) if isinstance(part, dict) else {})
            schema = whole
        elif union:
            choices = schema[union]
            first = (
                next((one for one in choices if isinstance(one, dict) and one.get("type") != "null"), {})
                if isinstance(choices, list)
                else {}
            )
            rest = {name: value for name, value in schema.items() if name != union}
            schema = _joined(rest, _merged(first, definitions))
        else:
            break
    return schema


def _joined(one: JsonObject, other: JsonObject) -> JsonObject:
    joined = {**one, **other}
    for name in ("properties", "required"):
        first, second = one.get(name), other.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            joined[name] = {**first, **second}
        elif isinstance(first, list) and isinstance(second, list):
            joined[name] = [*first, *second]
    return joined
