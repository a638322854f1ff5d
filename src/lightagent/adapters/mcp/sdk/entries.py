"""What is read of the entries of a list and of the parts of a result, without what would make the SDK refuse them all.

The SDK checks a page of tools, or the parts of a result, as one value: a single wrong field costs all of them, also one
that is not read, such as an icon. And it checks results against the schema that the server declares for them, in the
event loop and with patterns whose cost has no bound: a server could hold up the program. So only fields that are read
reach the SDK, and only those whose values are of their type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue

SCHEMA_KEY: Final = "lightagent/schema"
"""In a tool's `_meta`: the schema as the server gave it, where the SDK would have refused it; others judge it."""

Tidy: TypeAlias = Callable[[JsonObject], JsonObject | None]
"""Returns an entry with the known fields, or None without a name or address."""

_HINTS: Final = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_ABOUT: Final = ("title", "description", "mimeType")
_UNKNOWN_TYPE: Final = "application/octet-stream"


def tidy_result(result: dict[str, JsonValue]) -> None:
    """Put right the lists in a result, in place."""
    for key, tidy in _LISTS.items():
        if isinstance(listed := result.get(key), list):
            kept = (tidy(entry) for entry in listed if isinstance(entry, dict))
            result[key] = [entry for entry in kept if entry is not None]
    if isinstance(parts := result.get("content"), list):
        result["content"] = [_part(part) for part in parts]
    elif "structuredContent" in result or "isError" in result:  # It is what a tool answered.
        result["content"] = [] if parts is None else [_as_text(parts)]


def _tool(entry: JsonObject) -> JsonObject | None:
    if not isinstance(entry.get("name"), str):
        return None
    kept = _texts(entry, ("name", "title", "description"))
    if isinstance(hints := entry.get("annotations"), dict):
        kept["annotations"] = _texts(hints, ("title",)) | {
            name: hints[name] for name in _HINTS if isinstance(hints.get(name), bool)
        }
    schema = entry.get("inputSchema")
    if _is_plain(schema):
        return kept | {"inputSchema": schema}
    return kept | {"inputSchema": {"type": "object"}, "_meta": {SCHEMA_KEY: schema}}


def _is_plain(schema: JsonValue) -> bool:
    """Whether the SDK takes it for the schema of a tool."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return (
        isinstance(schema.get("$schema", ""), str)
        and isinstance(properties, dict)
        and all(isinstance(one, dict | bool) for one in properties.values())
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
    )


def _place(key: str) -> Tidy:
    """Tidies what can be read at the address that stands under `key`."""

    def tidy(entry: JsonObject) -> JsonObject | None:
        if not isinstance(address := entry.get(key), str):
            return None
        return {"name": address} | _texts(entry, (key, "name", *_ABOUT))

    return tidy


def _prompt(entry: JsonObject) -> JsonObject | None:
    if not isinstance(entry.get("name"), str):
        return None
    given = entry.get("arguments")
    arguments: list[JsonValue] = [
        {"name": one["name"], "required": one.get("required") is True}
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    ]
    kept = _texts(entry, ("name", "title", "description"))
    kept["arguments"] = arguments
    return kept


_LISTS: Final[Mapping[str, Tidy]] = {
    "tools": _tool,
    "resources": _place("uri"),
    "resourceTemplates": _place("uriTemplate"),
    "prompts": _prompt,
}


def _part(part: JsonValue) -> JsonValue:
    """A part of what a tool answered; one of no known kind is a text, so that the model can read it."""
    kind = part.get("type") if isinstance(part, dict) else None
    tidy = _PARTS.get(kind) if isinstance(kind, str) else None
    found = tidy(part) if tidy is not None and isinstance(part, dict) else None
    return _as_text(part) if found is None else found


def _text(part: JsonObject) -> JsonObject | None:
    return _texts(part, ("type", "text")) if isinstance(part.get("text"), str) else None


def _media(part: JsonObject) -> JsonObject | None:
    if not isinstance(part.get("data"), str):
        return None
    return {"mimeType": _UNKNOWN_TYPE} | _texts(part, ("type", "data", "mimeType"))


def _link(part: JsonObject) -> JsonObject | None:
    if not isinstance(uri := part.get("uri"), str):
        return None
    size = part.get("size")
    sized: JsonObject = {"size": size} if isinstance(size, int) and not isinstance(size, bool) else {}
    return {"name": uri} | _texts(part, ("type", "uri", "name", *_ABOUT)) | sized


def _embedded(part: JsonObject) -> JsonObject | None:
    inner = part.get("resource")
    if not isinstance(inner, dict) or not isinstance(inner.get("uri"), str):
        return None
    for contents in ("text", "blob"):
        if isinstance(inner.get(contents), str):
            return {"type": "resource", "resource": _texts(inner, ("uri", "mimeType", contents))}
    return None


_PARTS: Final[Mapping[str, Tidy]] = {
    "text": _text,
    "image": _media,
    "audio": _media,
    "resource_link": _link,
    "resource": _embedded,
}


def _as_text(value: JsonValue) -> JsonObject:
    return {"type": "text", "text": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}


def _texts(entry: JsonObject, names: Iterable[str]) -> JsonObject:
    return {name: entry[name] for name in names if isinstance(entry.get(name), str)}
