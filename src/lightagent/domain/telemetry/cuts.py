"""Cuts what telemetry holds: texts with a mark that says how much is missing, and JSON so that it stays JSON.

What is not shown is not read either, so the work is bounded by the limits and not by what a model or a tool said.
Sizes are those of compact JSON with its escapes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Final, TypeAlias

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.forms import mask_tokens
from lightagent.domain.secrets.masking import MASK
from lightagent.domain.secrets.names import is_secret_within

IDENTIFIER: Final = 200
"""The most characters of an id, a name or a key; longer ones are always cut."""

ROOM: Final = 700
"""The least room in which one more part or value is begun: two identifiers, a mark, and what stands around them."""

_SHORT: Final = (IDENTIFIER - 2) // 6
"""Characters of an identifier that fit however they are written: as JSON one takes six at most."""

_MARK: Final = 60
"""Characters that a mark takes at most, as JSON."""

_MOST_DEPTH: Final = 64
_MOST_BITS: Final = 1_000
_MORE: Final = "…"
_SECRET: Final = "secret"
"""The name under which a value counts that stands in a table of secrets."""

Leaf: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class LongText:
    """A text that may have been longer.

    Attributes:
        text: its beginning.
        rest: how many characters followed.
    """

    text: str
    rest: int = 0


Clean: TypeAlias = Callable[[str, Leaf], Leaf | LongText]
"""Gives what may be shown of a value in JSON, by the name it stands under."""


def fitted_text(long: LongText, most: int, room: int | None = None) -> str:
    """At most `most` characters of a text, and at most `room` as JSON; a mark says how much is missing.

    Args:
        long: the text.
        most: characters, the mark included.
        room: characters as JSON, quotes included; None: as many as it takes. A mark is given in any case.
    """
    text = long.text
    if not long.rest and len(text) <= most and (room is None or written_size(text) <= room):
        return text
    kept = text[: max(0, most - _MARK)]
    if room is not None:
        kept = _beginning(kept, room - _MARK)
    return f"{kept}{_MORE} [{len(text) - len(kept) + long.rest:,} characters left out]"


def _beginning(text: str, room: int) -> str:
    """Return a beginning of a text that fits as JSON, at least half of what would; empty without any room."""
    text = text[: max(0, room)]
    while text and (size := written_size(text)) > room:
        text = text[: min(len(text) - 1, len(text) * room // size)]
    return text


def fitted_name(name: str) -> str:
    """An id, a name or a key: as it is, unless it is a token of a well-known service, or longer than any name."""
    read = name[: 2 * IDENTIFIER]
    clean = mask_tokens(shown_characters(read), MASK)
    if len(name) <= _SHORT:
        return clean
    return fitted_text(LongText(clean, len(name) - len(read)), IDENTIFIER, IDENTIFIER)


def written(value: JsonValue) -> str:
    """Compact JSON."""
    return _ENCODER.encode(value)


def written_size(value: JsonValue) -> int:
    """Characters of compact JSON."""
    return len(encode_basestring(value) if isinstance(value, str) else written(value))


def newest(makers: Iterable[Callable[[int], JsonValue]], total: int, room: int) -> tuple[list[JsonValue], int]:
    """As many values as there is room for, and how many were left out.

    Args:
        makers: each makes a value within the room that it is given; those that come first have precedence.
        total: how many there are.
        room: characters of all of them with their commas.
    """
    made: list[JsonValue] = []
    for maker in makers:
        if room < ROOM:
            break
        made.append(maker(room - 1))
        room -= written_size(made[-1]) + 1
    return made, total - len(made)


class JsonCutter:
    """Copies JSON within a room: beginnings of texts, and as many values as fit.

    Args:
        clean: what may be shown of each value.
        most: characters of one text.
        room: characters of the whole copy, at least `ROOM`.
    """

    def __init__(self, clean: Clean, most: int, room: int) -> None:
        self._clean = clean
        self._most = most
        self._room = room

    def copied(self, value: JsonValue, name: str = "", depth: int = 0) -> JsonValue:
        """What may be shown of the value, within what is left of the room."""
        if isinstance(value, (dict, list, tuple)):
            if depth >= _MOST_DEPTH:
                return self._taken(f"{_MORE} [deeper levels left out]")
            self._room -= _MARK + 2  # Brackets, and a mark that may be needed.
            if isinstance(value, dict):
                return self._object(value, name, depth + 1)
            return self._list(value, name, depth + 1)
        return self._leaf(name, value)

    def _object(self, value: JsonObject, at: str, depth: int) -> JsonObject:
        made: JsonObject = {}
        for place, (name, child) in enumerate(value.items()):
            if self._room < ROOM:
                made[_MORE] = f"[{len(value) - place:,} more left out]"
                return made
            key = fitted_name(name)
            self._room -= written_size(key) + 2
            made[key] = self.copied(child, _SECRET if is_secret_within(at, name) else name, depth)
        self._room += _MARK
        return made

    def _list(self, value: list[JsonValue], name: str, depth: int) -> list[JsonValue]:
        made: list[JsonValue] = []
        for place, child in enumerate(value):
            if self._room < ROOM:
                return [*made, f"{_MORE} [{len(value) - place:,} more left out]"]
            self._room -= 1
            made.append(self.copied(child, name, depth))
        self._room += _MARK
        return made

    def _leaf(self, name: str, value: Leaf) -> JsonValue:
        clean = self._clean(name, value)
        if isinstance(clean, str):
            clean = LongText(clean)
        if isinstance(clean, LongText):
            return self._taken(fitted_text(clean, self._most, self._room))
        if isinstance(clean, int) and clean.bit_length() > _MOST_BITS:
            return self._taken(f"{_MORE} [a number of {clean.bit_length():,} bits left out]")
        if isinstance(clean, float) and not math.isfinite(clean):
            return self._taken(str(clean))
        return self._taken(clean)

    def _taken(self, value: Leaf) -> Leaf:
        self._room -= written_size(value)
        return value


def shown_characters(text: str) -> str:
    """A text that every backend stores: halves of characters, and NUL, are U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
