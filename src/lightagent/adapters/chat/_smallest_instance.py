"""Builds the smallest instance of a JSON Schema, as the offline model's structured output."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from jsonschema import Draft202012Validator

from lightagent.domain.json_types import JsonObject, JsonValue

Known = Callable[[str, JsonObject], Iterable[JsonValue]]
"""Returns candidate values for a property by its name and schema, the likeliest first."""

_FORMATS = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT0S",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}
LONGEST_PATTERN: Final = 1_000
"""How many characters of a pattern are read."""
_ATOM = re.compile(r"(\\.|\[\^?[^\]]+\]|\.|[^\\\[\](){}*+?|^$])(\{(\d+)(?:,\d*)?\}|[*+?])?")
_CLASSES = {"\\d": "0", "\\w": "a", "\\s": " ", ".": "a", "\\S": "a", "\\D": "a"}


def smallest_instance(schema: JsonObject, known: Known) -> JsonValue:
    """Return an instance of `schema` with only its required properties, from known values where they are valid."""
    return _Maker(schema, known).make("", schema)


@dataclass(frozen=True, slots=True)
class _Maker:
    root: JsonObject
    known: Known

    def make(self, name: str, schema: JsonValue) -> JsonValue:
        wanted = plain_schema(schema, self.root)
        for value in self.known(name, wanted):
            if self._is_valid(value, wanted):
                return value
        for constant in ("const", "default"):
            if constant in wanted:
                return wanted[constant]
        if "enum" in wanted:
            return next(iter(as_list(wanted["enum"])), None)
        return self._by_type(type_of(wanted), wanted)

    def _by_type(self, kind: str, schema: JsonObject) -> JsonValue:
        match kind:
            case "object":
                return {name: self.make(name, one) for name, one in required_properties(schema).items()}
            case "array":
                return self._array(schema)
            case "string":
                return _string(schema)
            case "integer" | "number":
                return _number(kind, schema)
            case _:
                return False if kind == "boolean" else None

    def _is_valid(self, value: JsonValue, schema: JsonObject) -> bool:
        if "format" in schema and "enum" not in schema:
            return False  # The validator does not check formats.
        return Draft202012Validator({**schema, "$defs": self.root.get("$defs", {})}).is_valid(value)

    def _array(self, schema: JsonObject) -> JsonValue:
        made = [self.make("", one) for one in as_list(schema.get("prefixItems"))]
        while len(made) < _bound(schema, "minItems", 0):
            item = self.make("", schema.get("items"))
            if schema.get("uniqueItems") and item in made:
                item = item + len(made) if isinstance(item, int) else f"{item}{len(made)}"
            made.append(item)
        return made


def _string(schema: JsonObject) -> str:
    example = _FORMATS.get(as_text(schema.get("format"))) or _matching(as_text(schema.get("pattern")))
    return example.ljust(int(_bound(schema, "minLength", 0)), ".")


def _matching(pattern: str) -> str:
    """Return a text for a simple pattern, in which each atom occurs as rarely as allowed."""
    made = ""
    for atom, repeat, least in _ATOM.findall(re.sub(r"\(\?:|[()]", "", pattern[:LONGEST_PATTERN].split("|")[0])):
        often = int(least) if least else 0 if repeat in ("*", "?") else 1
        made += _letter(atom) * often
    return made


def _letter(atom: str) -> str:
    if atom.startswith("[^"):
        return next(letter for letter in "a0-_ " if letter not in atom)
    if atom.startswith("["):
        return _CLASSES.get(atom[1:3], atom[1])
    return _CLASSES.get(atom) or atom.removeprefix("\\")


def _number(kind: str, schema: JsonObject) -> int | float:
    """Return the number nearest to zero within the bounds."""
    step = _bound(schema, "multipleOf", 1 if kind == "integer" else 0)
    apart = step or 1e-6
    low = max(_bound(schema, "minimum", -math.inf), _bound(schema, "exclusiveMinimum", -math.inf) + apart)
    high = min(_bound(schema, "maximum", math.inf), _bound(schema, "exclusiveMaximum", math.inf) - apart)
    value = min(max(0.0, low), high)
    if step:
        value = (math.ceil(value / step) if value >= 0 or low > -math.inf else math.floor(value / step)) * step
    return int(value) if value == int(value) else value


def _bound(schema: JsonObject, name: str, otherwise: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) else otherwise


def plain_schema(schema: JsonValue, root: JsonObject, depth: int = 0) -> JsonObject:
    """Return `schema` with references resolved, `allOf` merged, and unions replaced by their first branch but null."""
    found: JsonObject = {**as_object(schema)}
    parts = as_list(found.pop("allOf", None))
    if reference := as_text(found.pop("$ref", None)):
        parts = [*parts, _referred(reference, root)]
    if branches := as_list(found.pop("anyOf", None)) or as_list(found.pop("oneOf", None)):
        parts = [*parts, next((one for one in branches if as_object(one).get("type") != "null"), branches[0])]
    for part in parts if depth < 16 else []:
        found = {**plain_schema(part, root, depth + 1), **found}
    return found


def _referred(reference: str, root: JsonObject) -> JsonValue:
    target: JsonValue = root
    for part in filter(None, reference.lstrip("#").split("/")):
        target = as_object(target).get(part.replace("~1", "/").replace("~0", "~"))
    return target


def type_of(schema: JsonObject) -> str:
    """Return the type of a plain schema, or the first of several that is not null."""
    named = schema.get("type")
    names = [as_text(one) for one in as_list(named)] or [as_text(named)]
    first = next((name for name in names if name != "null"), "null")
    return first or ("object" if "properties" in schema else "array" if "items" in schema else "string")


def required_properties(schema: JsonObject) -> JsonObject:
    """Return the schemas of the required properties, in the order of `required`."""
    properties = as_object(schema.get("properties"))
    return {name: properties.get(name, {}) for name in map(as_text, as_list(schema.get("required")))}


def as_object(value: JsonValue) -> JsonObject:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: JsonValue) -> list[JsonValue]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: JsonValue) -> str:
    """Return `value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
