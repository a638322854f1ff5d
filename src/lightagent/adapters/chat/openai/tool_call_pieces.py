"""Joins the pieces of one tool call, also from servers that send parts of it more than once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Final

_PLACEHOLDERS: Final = frozenset({"{}", "null", '""', "None"})
"""Texts that some servers send as arguments before the real ones."""


class CallPieces:
    """A call whose pieces are still arriving.

    Attributes:
        index: the position of the call in the answer.
        server_id: the first id that the server sent for it, or empty.
        name: the name as far as it has arrived.
    """

    __slots__ = (
        "_closed",
        "_depth",
        "_escaped",
        "_has_extra",
        "_in_text",
        "_pieces",
        "_scanned",
        "index",
        "name",
        "server_id",
    )

    def __init__(self, index: int, server_id: str) -> None:
        self.index: int = index
        self.server_id: str = server_id
        self.name: str = ""
        self._pieces: list[str] = []
        self._scanned = 0  # Number of pieces that `closed` has scanned.
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self._closed = False
        self._has_extra = False  # Something other than a repetition has followed the whole arguments.

    @property
    def has_arguments(self) -> bool:
        """Whether arguments have arrived, even only a placeholder."""
        return bool(self._pieces)

    def add(self, name: str, arguments: str) -> None:
        """Add a piece. Arguments that repeat the whole ones are dropped."""
        self._add_name(name)
        if arguments and not (self._pieces and arguments.lstrip().startswith("{") and self.repeats(arguments)):
            self._pieces.append(arguments)

    def closed(self) -> bool:
        """Whether the arguments so far are a whole value and more than a placeholder. Each piece is scanned once."""
        while self._scanned < len(self._pieces):
            piece = self._pieces[self._scanned]
            self._scanned += 1
            if piece.strip() not in _PLACEHOLDERS:
                self._scan(piece)
        return self._closed

    def repeats(self, arguments: str) -> bool:
        """Whether these arguments repeat, in one piece, the whole arguments that have already arrived."""
        if self._has_extra or not arguments.rstrip().endswith("}") or not self.closed():
            return False
        value = _value(arguments)
        same = value is not None and _value("".join(self._pieces)) == value
        self._has_extra = not same
        return same

    def arguments(self) -> str:
        """Return the arguments. If the pieces do not join to one JSON value, the server has repeated some of them."""
        text = "".join(self._pieces)
        if len(self._pieces) < 2 or _value(text) is not None:
            return text
        pieces = [piece for piece in self._pieces if piece.strip() not in _PLACEHOLDERS]
        rest = "".join(pieces)
        if not pieces or _value(rest) is not None:
            return rest or self._pieces[-1]
        if (repeated := _repeated_value(rest)) is not None:
            return repeated
        # Some servers send everything so far again with every piece.
        cumulative = all(later.startswith(earlier) for earlier, later in pairwise(pieces))
        return pieces[-1] if cumulative and _value(pieces[-1]) is not None else text

    def _add_name(self, name: str) -> None:
        """Servers send the name whole, whole with every piece, in fragments, or growing with every piece."""
        if name.startswith(self.name):
            self.name = name
        elif name and not self._pieces and not self.name.endswith(name):
            self.name += name

    def _scan(self, piece: str) -> None:
        for char in piece:
            if self._in_text:
                self._in_text = self._escaped or char != '"'
                self._escaped = char == "\\" and not self._escaped
            elif char == '"':
                self._in_text = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                self._closed = self._closed or self._depth == 0


def _repeated_value(text: str) -> str | None:
    """Return the value if the text consists of the same value several times, else None."""
    try:
        first, end = json.JSONDecoder().raw_decode(text.strip())
        rest = text.strip()[end:].lstrip()
        while rest:
            again, at = json.JSONDecoder().raw_decode(rest)
            if again != first:
                return None
            rest = rest[at:].lstrip()
    except (ValueError, RecursionError):
        return None
    return text.strip()[:end]


def _value(text: str) -> object:
    """Return the parsed JSON value, or None if it is invalid or null."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
