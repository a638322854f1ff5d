"""Texts of a wanted shape: a format, a pattern, a length."""

from __future__ import annotations

import re

from lightagent.adapters.chat.offline import find_values
from lightagent.adapters.chat.offline.schemas import as_text
from lightagent.adapters.chat.offline.words import readable
from lightagent.domain.json_types import JsonObject, JsonValue

_FORMATS: dict[str, tuple[str, str]] = {
    "date": (r"\d{4}-\d{2}-\d{2}", "1970-01-01"),
    "date-time": (r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", "1970-01-01T00:00:00Z"),
    "time": (r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})?", "00:00:00Z"),
    "duration": (r"P(?=\w)(?:\d+[YMWD])*(?:T(?:\d+[HMS])+)?", "PT0S"),
    "email": (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", "nobody@example.com"),
    "uri": (r"https?://[^\s\"'<>)]+", "https://example.com/"),
    "uuid": (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "00000000-0000-0000-0000-000000000000"),
    "ipv4": (r"\d{1,3}(?:\.\d{1,3}){3}", "127.0.0.1"),
    "ipv6": (r"[0-9a-fA-F:]*::[0-9a-fA-F:]*", "::1"),
}
_CLASSES = {"\\d": "0", "\\w": "a", "\\s": " ", ".": "a", "\\S": "a", "\\D": "a"}
_ATOM = re.compile(r"(\\.|\[\^?[^\]]+\]|\.|[^\\\[\](){}*+?|^$])(\{(\d+)(?:,\d*)?\}|[*+?])?")


def shaped(schema: JsonObject, text: str) -> str:
    """`text` or the part of it that satisfies the string schema; where none does, an example that does.

    For a format or a pattern only the beginning of a long text is searched.
    """
    wanted = _FORMATS.get(as_text(schema.get("format")))
    if wanted is not None:
        found = re.search(wanted[0], readable(text))
        return found.group() if found else wanted[1]
    pattern = as_text(schema.get("pattern"))
    if pattern:
        return _matching(pattern, readable(text))
    return _sized(text, _length(schema.get("minLength"), 0), _length(schema.get("maxLength"), len(text)))


def _matching(pattern: str, text: str) -> str:
    for candidate in (text, *find_values.quoted(text), *text.split(), *find_values.identifiers(text)):
        if re.search(pattern, candidate):
            return candidate
    loose = re.search(pattern.removeprefix("^").removesuffix("$"), text)
    return loose.group() if loose else _example(pattern)


def _example(pattern: str) -> str:
    """A text for a simple pattern: its atoms, each as often as it must be."""
    made = ""
    for atom, repeat, least in _ATOM.findall(
        pattern.split("|")[0].replace("(?:", "").replace("(", "").replace(")", "")
    ):
        often = int(least) if least else 0 if repeat in ("*", "?") else 1
        made += _letter(atom) * often
    return made


def _letter(atom: str) -> str:
    if atom in _CLASSES:
        return _CLASSES[atom]
    if atom.startswith("[^"):
        return next(letter for letter in "a0-_ " if letter not in atom)
    if atom.startswith("["):
        return _CLASSES.get(atom[1:3], atom[1])
    return atom.removeprefix("\\")


def _sized(text: str, least: int, most: int) -> str:
    return text[:most].ljust(least, ".")


def _length(value: JsonValue, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
