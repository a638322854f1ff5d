"""Reads values of an untrusted document by their actual types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.declarations import shortened
from lightagent.domain.network.percent_encoding import percent_encode
from lightagent.domain.text.characters import is_invisible

T = TypeVar("T")


class Unusable(Exception):
    """Something of the document cannot be used here; the text says why, in words that follow a name."""


class Unwritable(Exception):
    """An argument has no form in the request; the text is for the caller that gave it."""


def object_of(value: JsonValue) -> JsonObject:
    """The value, where it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: JsonValue) -> Iterator[JsonObject]:
    """The objects in a list."""
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def text_of(value: JsonValue) -> str:
    """The value, where it is text; else an empty one."""
    return value if isinstance(value, str) else ""


def shown_text(value: JsonValue) -> str:
    """What a document says to people, as a model is shown it: without unseen characters, and of bounded length."""
    text = text_of(value)
    if not text.isprintable():
        text = "".join(map(_seen, text))
    return shortened(text)


def _seen(sign: str) -> str:
    if sign in "\n\t":
        return sign
    return " " if sign.isspace() else "" if is_invisible(sign) else sign


def texts_of(value: JsonValue) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def own_entries(value: JsonValue) -> Mapping[str, JsonValue]:
    """The entries of a map without its extensions, whose names begin with ``x-``."""
    return {name: one for name, one in object_of(value).items() if not name.startswith("x-")}


def chosen(value: object, choices: Sequence[T]) -> T | None:
    """The one of the choices that a value is, if it is one."""
    return next((one for one in choices if one == value), None)


def percent_encoded(text: str, keep: str = "") -> str:
    """The text in a URL: all that is not unreserved as percent-encoded UTF-8, but for the characters to keep.

    Raises:
        Unwritable: it holds half a character.
    """
    try:
        return percent_encode(text.encode(), keep.encode())
    except UnicodeEncodeError:
        raise Unwritable("the text holds half a character") from None
