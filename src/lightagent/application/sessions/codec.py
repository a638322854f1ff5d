"""The entries of a session's log to and from JSON: the events of its turns, and what the session notes between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.application.journals.event_codec import event_from_dict, event_to_dict, read_strictly, without_unused
from lightagent.application.journals.journal import format_version, version_of
from lightagent.application.journals.read_streams import read_entry
from lightagent.domain.journals.streams import Draft, Entry
from lightagent.domain.json_types import JsonObject
from lightagent.domain.sessions.entries import LogEntry, SessionEntry

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_KINDS: Final = frozenset(kind.__dataclass_fields__["type"].default for kind in SessionEntry.__args__)


def session_drafts(entries: Sequence[LogEntry]) -> list[Draft]:
    """The entries as a store takes them."""
    schema = max(map(version_of, entries), default=format_version(()))
    return [Draft(json.dumps(_to_dict(entry), separators=(",", ":")), schema) for entry in entries]


def read_log_entry(entry: Entry) -> LogEntry:
    """The entry that a store gave.

    Raises:
        ConfigurationError: it is not an entry of a session.
    """
    at = f"Session: entry {entry.sequence}"
    content = read_entry(entry, at)
    if isinstance(content, dict) and content.get("type") in _KINDS:
        return read_strictly(_codec(), content, at)
    return event_from_dict(content, at)


def _to_dict(entry: LogEntry) -> JsonObject:
    if isinstance(entry, SessionEntry):
        return without_unused(_codec().dump_python(entry, mode="json"))
    return event_to_dict(entry)


@cache
def _codec() -> TypeAdapter[SessionEntry]:
    """Made at first use: building it takes some milliseconds, and most sessions never need it."""
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[SessionEntry, Field(discriminator="type")])
