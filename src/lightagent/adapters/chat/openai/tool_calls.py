"""Assigns pieces of tool calls, which servers cut and label differently, to their calls."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lightagent.adapters._endpoints.faults import malformed
from lightagent.adapters.chat.openai.provider_fields import call_fields
from lightagent.adapters.chat.openai.tool_call_pieces import CallPieces
from lightagent.domain.conversation.deltas import ToolCallDelta
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class _Piece:
    """One piece of a tool call. `index` is None if the server left it out or it is not a number."""

    index: int | None
    server_id: str
    name: str
    arguments: str
    has_arguments: bool
    provider_fields: JsonObject | None


class ToolCalls:
    """Assigns every piece to its call, and gives every call a unique id.

    Servers differ: some leave out the index and send whole calls; some number every call 0 but send new ids; some
    repeat id and name in every piece, or send another id in every piece of one call; some leave ids out, or use one
    twice. A run needs unique ids, so a missing or repeated id is replaced. Because some servers repeat parts of a call,
    its name and arguments are known only at the end: `read` yields a delta as a call begins, `whole` gives the rest.
    """

    __slots__ = ("_by_id", "_by_index", "_by_place", "_calls", "_last", "ids", "size")

    def __init__(self) -> None:
        self._calls: list[CallPieces] = []
        self._by_index: dict[int, CallPieces] = {}
        self._by_id: dict[str, CallPieces] = {}
        self._by_place: list[CallPieces] = []  # The calls of the last delta with several pieces.
        self._last: CallPieces | None = None
        self.ids: set[str] = set()
        """The ids of the calls, which are not always those of the server."""
        self.size: int = 0
        """Characters of arguments so far."""

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def server_ids(self) -> list[str]:
        """The id that the server sent for each call, or empty."""
        return [call.server_id for call in self._calls]

    def read(self, pieces: list[object], *, whole: bool) -> Iterator[ToolCallDelta]:
        """Yield a delta for each call that begins in these pieces of one delta.

        Args:
            whole: the pieces are those of a message, where each one is a call.
        """
        places: list[CallPieces] = []
        for at, found in enumerate(pieces):
            if found is None:
                continue
            piece = _read_piece(found)
            call = None if whole else self._call_of(piece, at if len(pieces) > 1 else None)
            if call in places and _is_whole_again(call, piece):
                call = None
            if call is None:
                call = CallPieces(len(self._calls), piece.server_id)
                self._calls.append(call)
                yield ToolCallDelta(call.index, self._own_id(piece.server_id))
            if piece.provider_fields is not None:
                yield ToolCallDelta(call.index, provider_fields=piece.provider_fields)
            if not whole:
                self._remember(call, piece)
            places.append(call)
            self.size += len(piece.arguments)
            call.add(piece.name, piece.arguments)
        if len(places) > 1:
            self._by_place = places

    def whole(self) -> list[ToolCallDelta]:
        """Return the names and arguments of all calls."""
        return [ToolCallDelta(call.index, "", call.name, call.arguments()) for call in self._calls]

    def _call_of(self, piece: _Piece, at: int | None) -> CallPieces | None:
        """Return the call that a piece continues, or None if it begins one.

        Args:
            at: the position of the piece, if its delta has several.
        """
        by_id = self._by_id.get(piece.server_id) if piece.server_id else None
        by_index = None if piece.index is None else self._by_index.get(piece.index)
        if by_id is not None and not _reuses_id(by_id, by_index, piece):
            return by_id
        if piece.index is not None and by_index is None and (piece.name or piece.server_id or self._last_is_closed()):
            return None
        by_place = None
        if at is not None and piece.index is None and not piece.server_id:
            if at < len(self._by_place):
                by_place = self._by_place[at]
            elif piece.name:
                return None
        call = by_index or by_place or self._last
        return None if call is None or _begins_another(call, piece) else call

    def _last_is_closed(self) -> bool:
        return self._last is None or self._last.closed()

    def _remember(self, call: CallPieces, piece: _Piece) -> None:
        self._last = call
        if piece.index is not None:
            self._by_index.setdefault(piece.index, call)
            if piece.server_id and piece.server_id == call.server_id:
                self._by_index[piece.index] = call
        if piece.server_id:
            self._by_id.setdefault(piece.server_id, call)
            call.server_id = call.server_id or piece.server_id

    def _own_id(self, server_id: str) -> str:
        own_id = server_id
        if not own_id or own_id in self.ids:
            own_id = new_id()
        self.ids.add(own_id)
        return own_id


def new_id() -> str:
    """Return an id for a call that has none from the server, or shares it with another call."""
    return f"call_{os.urandom(12).hex()}"


def _is_whole_again(call: CallPieces | None, piece: _Piece) -> bool:
    """Whether a piece and the call before it in the same delta are two whole calls, though neither index nor id differ.

    They are not a repetition: servers that repeat a call do so in a later delta.
    """
    return (
        call is not None
        and bool(piece.name)
        and not piece.server_id
        and _is_object(piece.arguments)
        and _is_object(call.arguments())
    )


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _reuses_id(call: CallPieces, by_index: CallPieces | None, piece: _Piece) -> bool:
    """Whether a piece belongs to another call although it has the id of `call`; some servers use an id twice."""
    if not piece.name or by_index is call:
        return False
    if piece.index is not None and piece.index != call.index and by_index is None and call.name:
        return call.has_arguments
    return call.name != piece.name and call.closed()


def _begins_another(call: CallPieces, piece: _Piece) -> bool:
    """Whether a piece begins another call although its index or position is that of `call`."""
    if piece.server_id and call.server_id and piece.server_id != call.server_id:
        if not piece.name:
            return piece.index is None and call.closed()
        # Some servers send another id in every piece, so a piece that continues the arguments belongs to the call.
        continues = piece.name == call.name and call.has_arguments and not piece.arguments.lstrip().startswith("{")
        return bool(call.name) and not (continues and not call.closed())
    if not piece.name or not call.name or (piece.server_id and piece.server_id == call.server_id):
        return False
    if piece.index is None and not piece.server_id and call.server_id:
        return call.closed()
    if piece.index is None and not call.has_arguments and not piece.has_arguments:
        return False  # It is a fragment of the name.
    if piece.index is None and not piece.server_id:
        return call.name != piece.name or call.closed() or not call.has_arguments
    if not call.closed():
        return False
    return call.name != piece.name or bool(piece.arguments and not call.repeats(piece.arguments))


def _read_piece(piece: object) -> _Piece:
    if not isinstance(piece, dict):
        raise malformed("a tool call that is not an object", piece)
    function = piece.get("function") or ({} if piece.get("type") == "function" else piece)
    if not isinstance(function, dict):
        raise malformed("a tool call without a function", piece)
    arguments = function.get("arguments")
    return _Piece(
        _index(piece.get("index")),
        _text(piece, "id"),
        _text(function, "name"),
        _arguments(arguments),
        arguments is not None,
        call_fields(piece),
    )


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(holder: dict[object, object], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if name == "id" and isinstance(value, int):
        return str(value)
    raise malformed(f"a tool call whose {name} is not a text", value)


def _arguments(value: object) -> str:
    """Return the arguments as a text; some servers send an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class JoinedCalls:
    """Joins the calls of several choices: numbers them one after the other and keeps their ids unique.

    A call that a later choice repeats with the same id counts once.
    """

    __slots__ = ("_count", "_ids", "_known")

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[str] = set()
        self._known: set[tuple[str, str, str]] = set()

    def join(self, calls: ToolCalls, held: Iterable[ToolCallDelta]) -> list[ToolCallDelta]:
        """Return the deltas for the calls of a choice.

        Args:
            held: the deltas of these calls that were read and held back.
        """
        whole = calls.whole()
        identities = [
            (server_id, call.name, call.arguments) for server_id, call in zip(calls.server_ids, whole, strict=True)
        ]
        places: dict[int, int] = {}
        for call, identity in zip(whole, identities, strict=True):
            if not (identity[0] and identity in self._known):
                places[call.index] = self._count
                self._count += 1
        self._known.update(identities)
        joined = [
            replace(delta, index=places[delta.index], id=self._unique_id(delta.id))
            for delta in (*held, *whole)
            if delta.index in places
        ]
        self._ids |= calls.ids
        return joined

    def _unique_id(self, call_id: str) -> str:
        return new_id() if call_id in self._ids else call_id
