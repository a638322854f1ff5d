"""Names and texts as Qdrant takes them: ids are UUIDs, and a text holds whole characters only."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from lightagent.adapters.memory._marks import mark, record_mark
from lightagent.domain.memory.records import MemoryOwner

_LONGEST: Final = 200
"""Characters of a keyword that an administrator can read; of a longer one there is a digest."""


def point_id(owner: MemoryOwner, memory_id: str) -> str:
    """The id of the point of a memory."""
    return str(UUID(bytes=record_mark(owner, memory_id)[:16]))


def keyword(text: str) -> str:
    """The text, or what stands for it where it is long or holds halves of surrogate pairs; no two texts have one."""
    whole = "".join(_spelled(char) for char in text)
    return whole if len(whole) <= _LONGEST else f"%long{mark(text).hex()}"


def _spelled(char: str) -> str:
    if char == "%":
        return "%25"
    return f"%half{ord(char):x}" if "\ud800" <= char <= "\udfff" else char
