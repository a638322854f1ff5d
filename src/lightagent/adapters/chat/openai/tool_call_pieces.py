"""One tool call while its pieces come: what its name and arguments are, however a server repeats itself."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Final

_PLACEHOLDERS: Final = frozenset({"{}", "null", '""', "None"})
"""What some servers send as arguments before the real ones."""


class CallPieces:
    """A call that has begun.

    Attributes:
        index: the place of the call in the answer.
        server_id: the id that the server gave it first.
        name: what is known of the name.
    """

    __slots__ = (
        "_closed",
        "_depth",
        "_differs",
        "_escaped",
        "_in_text",
        "_pieces",
        "_read",
        "index",
        "name",
        "server_id",
    )

    def __init__(self, index: int, server_id: str) -> None:
        self.index: int = index
        self.server_id: str = server_id
        self.name: str = ""
        self._pieces: list[str] = []
        self._read = 0  # pieces that `closed` has gone through
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self._closed = False
        self._differs = False  # something else than a repetition has followed the whole

    @property
    def begun(self) -> bool:
        """Whether arguments have come, if only a placeholder."""
        return bool(self._pieces)

    def add(self, name: str, arguments: str) -> None:
        """Take a piece."""
        self._add_name(name)
        if arguments and not (self._pieces and arguments.lstrip().startswith("{") and self.repeats(arguments)):
            self._pieces.append(arguments)

    def closed(self) -> bool:
        """Whether the arguments so far are one whole object and more than a placeholder; each piece is read once."""
        while self._read < len(self._pieces):
            piece = self._pieces[self._read]
            self._read += 1
            if piece.strip() not in _PLACEHOLDERS:
                self._follow(piece)
        return self._closed

    def repeats(self, arguments: str) -> bool:
        """Whether these arguments are those that came already, now all at once."""
        if self._differs or not arguments.rstrip().endswith("}") or not self.closed():
            return False
        value = _value(arguments)
        same = value is not None and _value("".join(self._pieces)) == value
        self._differs = not same
        return same

    def arguments(self) -> str:
        """The arguments. Pieces that do not make one value are those of a server that repeats itself."""
        text = "".join(self._pieces)
        if len(self._pieces) < 2 or _value(text) is not None:
            return text
        pieces = [piece for piece in self._pieces if piece.strip() not in _PLACEHOLDERS]
        rest = "".join(pieces)
        if not pieces or _value(rest) is not None:
            return rest or self._pieces[-1]
        if (repeated := _repeated(rest)) is not None:
            return repeated
        # A server that sends all that there is so far with every piece.
        cumulative = all(later.startswith(sooner) for sooner, later in pairwise(pieces))
        return pieces[-1] if cumulative and _value(pieces[-1]) is not None else text

    def _add_name(self, name: str) -> None:
        """Names come whole, again with every piece, in fragments, or ever longer."""
        if name.startswith(self.name):
            self.name = name
        elif name and not self._pieces and not self.name.endswith(name):
            self.name += name

    def _follow(self, piece: str) -> None:
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


def _repeated(text: str) -> str | None:
    """The value that the text consists of, over and over; None if it is not so."""
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
    """The JSON value; None where there is none, or null."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
