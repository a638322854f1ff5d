"""Reads fields that a provider adds to an answer and expects back in the conversation, such as signatures."""

from __future__ import annotations

from typing import Final

from lightagent.domain.conversation.provider_fields import (
    CALL_FIELDS,
    MESSAGE_FIELDS,
    REASONING_FIELDS,
    ModelOrigin,
    ProviderFields,
    are_opaque_fields,
)
from lightagent.domain.json_types import JsonObject, JsonValue

_READ_FIELDS: Final = frozenset((*MESSAGE_FIELDS, *REASONING_FIELDS, "refusal", "tool_calls"))
_CALL_FIELDS: Final = frozenset(CALL_FIELDS)
_SIGNATURES: Final = frozenset({"thought_signature", "thought_signatures"})
_STREAMED_FIELDS: Final = ("text", "summary", "thinking")
"""Fields of a reasoning block that are streamed in pieces; ids and signatures come whole."""


def call_fields(call: dict[object, object]) -> JsonObject | None:
    """Return the fields that a provider added to a call and expects back, or None."""
    if _CALL_FIELDS.isdisjoint(call):
        return None
    return _fields_named(call, CALL_FIELDS) or None


class ProviderFieldPieces:
    """Collects the provider fields of one message from the pieces in which they come.

    Args:
        origin: the model that is asked.
    """

    __slots__ = ("_fields", "_has_call_or_refusal", "_has_reasoning", "_origin", "_reasoning_field")

    def __init__(self, origin: ModelOrigin) -> None:
        self._origin = origin
        self._fields: JsonObject = {}
        self._reasoning_field = ""
        self._has_reasoning = False
        self._has_call_or_refusal = False

    def read(self, part: dict[object, object]) -> int:
        """Read a message or a piece of one, and return how many characters were kept."""
        if all(part[name] is None for name in _READ_FIELDS.intersection(part)):  # As in most messages.
            return 0
        self._read_reasoning(part)
        if part.get("refusal") or any(map(_has_call_fields, _listed(part.get("tool_calls")))):
            self._has_call_or_refusal = True
        size = 0
        for name, value in _fields_named(part, MESSAGE_FIELDS).items():
            self._fields[name] = _with_next_piece(self._fields.get(name), value)
            size += len(str(value))
        return size

    def whole(self) -> ProviderFields | None:
        """Return the collected fields, or None if the provider added nothing."""
        if not (self._fields or self._reasoning_field or self._has_call_or_refusal):
            return None
        return ProviderFields(self._origin, self._fields, self._reasoning_field)

    def _read_reasoning(self, part: dict[object, object]) -> None:
        """Remember the field that holds the reasoning: the first that is not empty, or else the first that is there."""
        if self._has_reasoning:
            return
        filled = [name for name in REASONING_FIELDS if part.get(name)]
        named = filled or [name for name in REASONING_FIELDS if isinstance(part.get(name), str)]
        if named and (filled or not self._reasoning_field):
            self._reasoning_field, self._has_reasoning = named[0], bool(filled)


def _has_call_fields(call: object) -> bool:
    return isinstance(call, dict) and call_fields(call) is not None


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _fields_named(holder: dict[object, object], names: tuple[str, ...]) -> JsonObject:
    """Return the fields of these names that are not empty and that a journal can store."""
    found: JsonObject = {}
    for name in names:
        value = holder.get(name)
        if name == "provider_specific_fields":
            # LiteLLM puts every unknown field there. Providers expect only the signatures back.
            value = {key: one for key, one in value.items() if key in _SIGNATURES} if isinstance(value, dict) else None
        if value and are_opaque_fields(kept := {name: value}):
            found |= kept
    return found


def _with_next_piece(old: JsonValue, new: JsonValue) -> JsonValue:
    """Return a field with its next piece: lists of blocks are merged, texts concatenated, objects combined."""
    if isinstance(old, list) and isinstance(new, list):
        return _with_blocks(old, new)
    if isinstance(old, str) and isinstance(new, str):
        return old if old == new else old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {name: _with_next_piece(old.get(name), value) for name, value in new.items()}
    return new


def _with_blocks(old: list[JsonValue], new: list[JsonValue]) -> list[JsonValue]:
    blocks = list(old)
    for piece in new:
        # A piece without an index can only continue the block before it.
        first = 0 if isinstance(piece, dict) and piece.get("index") is not None else max(len(blocks) - 1, 0)
        place = next((at for at in range(len(blocks) - 1, first - 1, -1) if _continues(blocks[at], piece)), None)
        if place is None:
            blocks.append(piece)
        else:
            blocks[place] = _with_piece(blocks[place], piece)
    return blocks


def _continues(block: JsonValue, piece: JsonValue) -> bool:
    """Whether `piece` continues `block`: the same type and index, and the block is not signed yet.

    An encrypted block has no streamed field, so nothing continues it.
    """
    if not (isinstance(block, dict) and isinstance(piece, dict)) or block.get("type") != piece.get("type"):
        return False
    if block.get("index") != piece.get("index") or block.get("signature"):
        return False
    if block.get("id") and piece.get("id") and block["id"] != piece["id"]:
        return False
    return any(isinstance(block.get(name), str) for name in _STREAMED_FIELDS)


def _with_piece(block: JsonValue, piece: JsonValue) -> JsonValue:
    if not (isinstance(block, dict) and isinstance(piece, dict)):
        return piece
    whole = dict(block)
    for name, value in piece.items():
        known = whole.get(name)
        if name in _STREAMED_FIELDS and isinstance(known, str) and isinstance(value, str):
            whole[name] = known + value
        elif value is not None:
            whole[name] = value
    return whole
