"""JSON Schema, as far as a rule needs it: references, unions and merged schemas made plain."""

from __future__ import annotations

from lightagent.domain.json_types import JsonObject, JsonValue


def as_object(value: JsonValue) -> JsonObject:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: JsonValue) -> list[JsonValue]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: JsonValue) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def plain(schema: JsonValue, root: JsonObject, depth: int = 0) -> JsonObject:
    """`schema` with its references followed, its `allOf` merged, and the first branch of a union that is not null."""
    if depth > 16:
        return {}
    found = as_object(schema)
    reference = as_text(found.get("$ref"))
    if reference:
        rest: JsonObject = {name: value for name, value in found.items() if name != "$ref"}
        return _merge(plain(_follow(reference, root), root, depth + 1), rest)
    for part in as_list(found.get("allOf")):
        found = _merge(plain(part, root, depth + 1), {name: value for name, value in found.items() if name != "allOf"})
    branches = as_list(found.get("anyOf")) or as_list(found.get("oneOf"))
    if branches:
        rest = {name: value for name, value in found.items() if name not in ("anyOf", "oneOf")}
        return _merge(_first(branches, root, depth), rest)
    return found


def type_of(schema: JsonObject) -> str:
    """The type of a plain schema; where it names several, the first that is not null."""
    named = schema.get("type")
    choices = [as_text(item) for item in as_list(named)] or [as_text(named)]
    first = next((choice for choice in choices if choice != "null"), "null")
    if first:
        return first
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _first(branches: list[JsonValue], root: JsonObject, depth: int) -> JsonObject:
    resolved = [plain(branch, root, depth + 1) for branch in branches]
    return next((branch for branch in resolved if branch.get("type") != "null"), {"type": "null"})


def _follow(reference: str, root: JsonObject) -> JsonValue:
    found: JsonValue = root
    for part in reference.lstrip("#").strip("/").split("/"):
        if part:
            found = as_object(found).get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _merge(base: JsonObject, more: JsonObject) -> JsonObject:
    merged: JsonObject = {**base, **more}
    for name in ("properties",):
        if name in base and name in more:
            merged[name] = {**as_object(base[name]), **as_object(more[name])}
    if "required" in base and "required" in more:
        merged["required"] = [*as_list(base["required"]), *as_list(more["required"])]
    return merged
