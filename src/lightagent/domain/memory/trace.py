"""What a run puts on record of its memories: what was done with them, never what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias, get_args

from typing_extensions import TypeIs

from lightagent.domain.json_types import JsonObject, JsonValue

MemoryEvent: TypeAlias = Literal[
    "memory_retrieve",
    "memory_retrieve_filter",
    "memory_retrieve_block",
    "memory_unavailable",
    "memory_degraded",
    "memory_write",
    "memory_write_block",
    "memory_supersede",
    "memory_promotion_required",
    "memory_promotion_approved",
    "memory_promotion_rewritten",
    "memory_promotion_rejected",
    "memory_promotion_blocked",
]
"""The lines of a trace that are about memories."""

NOTES: Final = "memory"
"""The key of an event's details that holds them."""

NOTED: Final = "memory_notes"
"""The kind of a remark that carries notes without an event of their own."""

MEMORY_IDS: Final = "memory_ids"
"""The key that lists the memories that a run was given."""

DIGEST: Final = "digest"
"""The key that tells texts of one run apart. It is used only within the run, and is not part of a trace."""


def memory_note(event: MemoryEvent, data: Mapping[str, JsonValue]) -> JsonObject:
    """Return a note in the form that the details of an event hold."""
    return {"event": event, **data}


def memory_notes(details: JsonObject) -> Iterator[tuple[MemoryEvent, JsonObject]]:
    """Yield the notes in the details of an event; invalid ones are skipped."""
    notes = details.get(NOTES)
    for note in notes if isinstance(notes, list) else ():
        if isinstance(note, dict) and _is_event(event := note.get("event")):
            yield event, {name: value for name, value in note.items() if name != "event"}


def _is_event(value: object) -> TypeIs[MemoryEvent]:
    return isinstance(value, str) and value in get_args(MemoryEvent)
