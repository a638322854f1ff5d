"""Convert pydantic's validation errors to messages in the style of `arguments`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from lightagent.application.tools.arguments import given, missing, path_text, takes, unknown
from lightagent.domain.json_types import JsonObject, JsonValue

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_MOST_ERRORS = 50


def validation_problems(exc: ValidationError, arguments: JsonObject, schema: JsonObject) -> Iterator[str]:
    """Yield one sentence for each invalid place, combining the errors of a union's branches about the same place."""
    places: dict[str, tuple[object, list[str]]] = {}
    for error in exc.errors(include_url=False, include_context=False)[:_MOST_ERRORS]:
        name, within = error["loc"][-1:], error["loc"][:-1]
        if error["type"] in _UNKNOWN:
            parent = _real_path(within, arguments)
            yield unknown(path_text(name), _names_at(parent, schema), path_text(parent))
        elif error["type"] in _MISSING:
            parent = _real_path(within, arguments)
            yield missing(path_text((*parent, *name)), _expected_type(name, schema) if not parent else "")
        else:
            place = path_text(_real_path(error["loc"], arguments))
            places.setdefault(place, (error["input"], []))[1].append(_lower(error["msg"]))
    for place, (value, messages) in places.items():
        wanted = " or ".join(dict.fromkeys(messages)).replace(" or should be ", " or ")
        yield f"{place or 'they'}: {given(value)} was given, but it {wanted}"


def known_names(schema: JsonObject) -> str:
    """Describe a tool's arguments in one sentence."""
    properties, required = schema.get("properties"), schema.get("required")
    names = list(properties) if isinstance(properties, dict) else []
    return takes(names, {str(name) for name in required} if isinstance(required, list) else ())


def _real_path(loc: tuple[int | str, ...], arguments: JsonObject) -> tuple[int | str, ...]:
    """Return the part of a location that exists in the arguments: pydantic adds the names of union branches."""
    path: list[int | str] = []
    value: JsonValue = arguments
    for part in loc:
        child = _child(value, part)
        if child is not None:
            (value,) = child
            path.append(part)
    return tuple(path)


def _child(value: JsonValue, part: int | str) -> tuple[JsonValue] | None:
    if isinstance(value, dict) and isinstance(part, str) and part in value:
        return (value[part],)
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        return (value[part],)
    return None


def _names_at(path: tuple[int | str, ...], schema: JsonObject) -> list[str]:
    properties = schema.get("properties") if not path else None
    return list(properties) if isinstance(properties, dict) else []


def _expected_type(name: tuple[int | str, ...], schema: JsonObject) -> str:
    properties = schema.get("properties")
    shown = properties.get(str(name[0])) if isinstance(properties, dict) and name else None
    kind = shown.get("type") if isinstance(shown, dict) else None
    return kind if isinstance(kind, str) else ""


def _lower(message: str) -> str:
    """Change ``Input should be a valid integer`` to ``should be a valid integer``; keep other messages."""
    return message.removeprefix("Input ") if message.startswith("Input should") else f"was refused: {message}"
