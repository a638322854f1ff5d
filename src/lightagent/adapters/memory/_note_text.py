"""The entries of the streams of memories as JSON text."""

from __future__ import annotations

import json
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from lightagent.domain.errors import ConfigurationError, DamagedStream
from lightagent.domain.journals.streams import Entry
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.stream import MemoryNote, Operation

SCHEMA: Final = 1


class _NoteText(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    operation: Operation
    at: float
    by: str
    owner: list[str] | None = None
    items: list[list[str]] = []
    goes_on: bool = False


def note_text(note: MemoryNote) -> str:
    """A note as one line."""
    told: dict[str, object] = {"operation": note.operation, "at": note.at, "by": note.by}
    if note.owner is not None:
        told["owner"] = note.owner.parts
    if note.items:
        told["items"] = note.items
    if note.goes_on:
        told["goes_on"] = True
    return json.dumps(told, separators=(",", ":"))


def note_of(entry: Entry) -> MemoryNote:
    """The note in an entry.

    Raises:
        ConfigurationError: a later release wrote it.
        DamagedStream: it is none.
    """
    if entry.schema > SCHEMA:
        raise ConfigurationError(
            "A later release wrote this stream of memories.", guidance="Update lightagent on this machine."
        )
    try:
        # The standard library's reader, since an id may hold half a surrogate pair.
        told = _NoteText.model_validate(json.loads(entry.content))
        owner = None if told.owner is None else _owner(told.owner)
        items = tuple((memory_id, code) for memory_id, code in told.items)
    except (ValueError, ValidationError):
        raise DamagedStream(
            f"Entry {entry.sequence} of a stream of memories cannot be read.", guidance="Restore the journals."
        ) from None
    return MemoryNote(told.operation, told.at, told.by, owner, items, told.goes_on)


def _owner(parts: list[str]) -> MemoryOwner:
    namespace, tenant, user, session, agent = parts
    return MemoryOwner(namespace, tenant, user, session, agent)
