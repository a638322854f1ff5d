"""Pieces of tool calls, as different servers cut them, put in their places."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lightagent.adapters.chat.openai.faults import malformed
from lightagent.adapters.chat.openai.provider_fields import call_fields
from lightagent.domain.deltas import ToolCallDelta


@dataclass(slots=True)
class _Place:
    """A call that has begun: the id its server gave, the id it has here, whether its name is known."""

    index: int
    server_id: str
    named: bool


class ToolCallPieces:
    """Gives every piece the index of its call, and every call an id of its own.

    Servers differ: they leave out the index and send whole calls; number every call 0 but tell new ids; repeat id and
    name in every piece, or tell another id in every piece of one call; leave ids out, or use one twice. A run needs
    ids that differ, so what is missing or used twice is replaced.
    """

    __slots__ = ("_ids", "_last", "_places", "_started")

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}
        self._last: _Place | None = None
        self._started = 0
        self._ids: set[str] = set()

    def read(self, pieces: list[object], *, whole: bool) -> Iterator[ToolCallDelta]:
        """The pieces of one delta or, if `whole`, the calls of one message."""
        for piece in pieces:
            if not isinstance(piece, dict):
                raise malformed("a tool call that is no object", piece)
            function = piece.get("function") or {}
            if not isinstance(function, dict):
                raise malformed("a tool call without a function", piece)
            server_id, name, index = _text(piece, "id"), _text(function, "name"), piece.get("index")
            index = index if isinstance(index, int) and not whole else None
            arguments = _arguments(function.get("arguments"))
            added = call_fields(piece)
            place = None if whole else self._place(index, server_id, name)
            if place is None:
                yield replace(self._begin(index, server_id, name, arguments), provider_fields=added)
            else:
                yield ToolCallDelta(place.index, "", "" if place.named else name, arguments, added)
                place.named = place.named or bool(name)

    def _place(self, index: int | None, server_id: str, name: str) -> _Place | None:
        """The call that a piece goes on with; None: it begins one."""
        place = self._last if index is None else self._places.get(index)
        if place is None:
            return None
        another_id = bool(server_id and place.server_id and server_id != place.server_id)
        nameless_server = index is None and not server_id
        return None if name and place.named and (another_id or nameless_server) else place

    def _begin(self, index: int | None, server_id: str, name: str, arguments: str) -> ToolCallDelta:
        place = _Place(self._started, server_id, bool(name))
        self._started += 1
        self._last = place
        if index is not None:
            self._places[index] = place
        own_id = server_id
        if not own_id or own_id in self._ids:
            own_id = f"call_{os.urandom(12).hex()}"
        self._ids.add(own_id)
        return ToolCallDelta(place.index, own_id, name, arguments)


def _text(holder: dict[object, object], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if name == "id" and isinstance(value, int):
        return str(value)
    raise malformed(f"a tool call whose {name} is no text", value)


def _arguments(value: object) -> str:
    """The arguments as text; some servers send the object itself."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
