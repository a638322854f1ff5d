"""Reads what a provider adds to an answer for itself, whole or in pieces."""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.provider_fields import (
    CALL_FIELDS,
    MESSAGE_FIELDS,
    REASONING_FIELDS,
    ModelOrigin,
    ProviderFields,
    are_opaque_fields,
)

_ADDED: Final = frozenset((*MESSAGE_FIELDS, *REASONING_FIELDS, "refusal", "tool_calls"))
_SIGNATURES: Final = frozenset({"thought_signature", "thought_signatures"})
_GROWING: Final = ("text", "summary", "thinking")
"""What comes in pieces within a block of reasoning; ids and signatures come whole."""


def call_fields(call: dict[object, object]) -> JsonObject | None:
    """What a provider added to a call; None where it added nothing that it wants back."""
    if _CALL_FIELDS.isdisjoint(call):
        return None
    return _wanted(call, CALL_FIELDS) or None


class ProviderFieldPieces:
    """Collects the provider fields of one message from the pieces in which they come.

    Args:
        origin: the model that is asked.
    """

    __slots__ = ("_fields", "_has_own", "_origin", "_reasoning_field", "_reasons")

    def __init__(self, origin: ModelOrigin) -> None:
        self._origin = origin
        self._fields: JsonObject = {}
        self._reasoning_field = ""
        self._reasons = False
        self._has_own = False

    def read(self, part: dict[object, object]) -> int:
        """Take a message or a piece of one; returns how many characters it adds to what is kept."""
        if all(part[name] is None for name in _ADDED.intersection(part)):  # Most messages add nothing.
            return 0
        self._read_reasoning(part)
        if part.get("refusal") or any(map(_is_marked, _listed(part.get("tool_calls")))):
            self._has_own = True
        size = 0
        for name, value in _wanted(part, MESSAGE_FIELDS).items():
            self._fields[name] = _joined(self._fields.get(name), value)
            size += len(str(value))
        return size

    def whole(self) -> ProviderFields | None:
        """What came; None if there was nothing of the kind."""
        if not (self._fields or self._reasoning_field or self._has_own):
            return None
        return ProviderFields(self._origin, self._fields, self._reasoning_field)

    def _read_reasoning(self, part: dict[object, object]) -> None:
        """The name under which the reasoning came: the first that told something, or else that was there at all."""
        if self._reasons:
            return
        told = [name for name in REASONING_FIELDS if part.get(name)]
        named = told or [name for name in REASONING_FIELDS if isinstance(part.get(name), str)]
        if named and (told or not self._reasoning_field):
            self._reasoning_field, self._reasons = named[0], bool(told)


_CALL_FIELDS: Final = frozenset(CALL_FIELDS)


def _is_marked(call: object) -> bool:
    return isinstance(call, dict) and call_fields(call) is not None


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _wanted(holder: dict[object, object], names: tuple[str, ...]) -> JsonObject:
    """The fields of these names that tell something, and that a journal can hold."""
    found: JsonObject = {}
    for name in names:
        value = holder.get(name)
        if name == "provider_specific_fields":
            # LiteLLM puts there whatever it has no place for; only signatures are wanted back.
            value = {key: one for key, one in value.items() if key in _SIGNATURES} if isinstance(value, dict) else None
        if value and are_opaque_fields(kept := {name: value}):
            found |= kept
    return found


def _joined(old: JsonValue, new: JsonValue) -> JsonValue:
    """A field with its next piece: lists of blocks grow, texts go on, objects are filled."""
    if isinstance(old, list) and isinstance(new, list):
        return _with_blocks(old, new)
    if isinstance(old, str) and isinstance(new, str):
        return old if old == new else old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {name: _joined(old.get(name), value) for name, value in new.items()}
    return new


def _with_blocks(old: list[JsonValue], new: list[JsonValue]) -> list[JsonValue]:
    blocks = list(old)
    for piece in new:
        # Without a place of its own, a piece can only be more of the block before it.
        first = 0 if isinstance(piece, dict) and piece.get("index") is not None else max(len(blocks) - 1, 0)
        place = next((at for at in range(len(blocks) - 1, first - 1, -1) if _goes_on(blocks[at], piece)), None)
        if place is None:
            blocks.append(piece)
        else:
            blocks[place] = _with_piece(blocks[place], piece)
    return blocks


def _goes_on(block: JsonValue, piece: JsonValue) -> bool:
    """Whether `piece` is more of `block`: of the same kind, at the same place, and the block is not signed yet.

    A block that is encrypted is whole, whatever its place.
    """
    if not (isinstance(block, dict) and isinstance(piece, dict)) or block.get("type") != piece.get("type"):
        return False
    if block.get("index") != piece.get("index") or block.get("signature"):
        return False
    if block.get("id") and piece.get("id") and block["id"] != piece["id"]:
        return False
    return any(isinstance(block.get(name), str) for name in _GROWING)


def _with_piece(block: JsonValue, piece: JsonValue) -> JsonValue:
    if not (isinstance(block, dict) and isinstance(piece, dict)):
        return piece
    whole = dict(block)
    for name, value in piece.items():
        known = whole.get(name)
        if name in _GROWING and isinstance(known, str) and isinstance(value, str):
            whole[name] = known + value
        elif value is not None:
            whole[name] = value
    return whole
