"""The values of keywords that hold no schema: kept, put right or dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue

Note: TypeAlias = Callable[[str], object]
"""Takes a few words on what was changed."""

TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})
_SPELLINGS: Final[Mapping[str, str]] = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "str": "string",
    "text": "string",
    "list": "array",
    "tuple": "array",
    "dict": "object",
    "map": "object",
    "none": "null",
}
_TEXTS: Final = frozenset({"title", "description", "format"})
_NUMBERS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_COUNTS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
# Look-around, back-references and other groups that begin with a question mark, but for those that only group.
_BEYOND_REGULAR: Final = re.compile(r"\(\?(?!:)|\\[1-9]|\\k[<{']")


def cleaned_type(value: JsonValue, note: Note) -> str | list[JsonValue] | None:
    """Return the type, or types, by their names in JSON Schema; None without any."""
    written = value if isinstance(value, list) else [value]
    names = ("null" if one is None and len(written) > 1 else _type_name(one) for one in written)
    known: list[JsonValue] = [*dict.fromkeys(name for name in names if name)]
    kept = known if isinstance(value, list) else known[0] if known else None
    if kept != value:
        note("type put right")
    if isinstance(kept, list):
        return kept or None
    return kept if isinstance(kept, str) else None


def _type_name(value: JsonValue) -> str:
    if not isinstance(value, str):
        return ""
    name = value.lower()
    name = _SPELLINGS.get(name, name)
    return name if name in TYPES else ""


def cleaned_enum(schema: JsonObject, note: Note) -> list[JsonValue]:
    """The values that are allowed, which `const` may say too; empty where all are."""
    if "const" in schema:
        note("const -> enum")
        listed: JsonValue = [schema["const"]]
    elif "enum" in schema:
        listed = schema["enum"]
    else:
        return []
    values = [value for value in listed if is_finite(value)] if isinstance(listed, list) else []
    if not values:
        note("enum without values dropped")
    elif values != listed:
        note("enum: numbers that are not finite dropped")
    return values


def cleaned_required(value: JsonValue, properties: JsonObject, note: Note) -> list[JsonValue]:
    """The names of properties that have to be there, of those that there are."""
    if not isinstance(value, list):
        note("required no list -> dropped")
        return []
    kept: list[JsonValue] = list(dict.fromkeys(name for name in value if isinstance(name, str) and name in properties))
    if kept != value:
        note("required names without property dropped")
    return kept


def is_valid_annotation(name: str, value: JsonValue, note: Note) -> bool:
    """Whether a keyword that holds no schema may stay."""
    if name == "default":
        good = is_finite(value)
    elif name in _TEXTS:
        good = isinstance(value, str)
    elif name == "uniqueItems":
        good = isinstance(value, bool)
    elif name == "pattern":
        good = isinstance(value, str) and not _BEYOND_REGULAR.search(value)
    elif name in _COUNTS:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    else:
        good = name in _NUMBERS and _is_number(value) and not (name == "multipleOf" and value in (0, 0.0))
    if not good:
        note(f"{name} dropped" if name != "pattern" else "pattern with look-around dropped")
    return good


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)


def is_finite(value: JsonValue) -> bool:
    """Whether JSON can say it: Python reads ``NaN`` and ``1e999`` from servers, and a request with them is no JSON."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
