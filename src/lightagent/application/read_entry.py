"""What an entry of a stream says, whichever release wrote it."""

from __future__ import annotations

from lightagent.application.journal import SCHEMA_VERSION
from lightagent.application.strict_json import read_json
from lightagent.domain.event_migrations import migrate
from lightagent.domain.journal_streams import Entry
from lightagent.domain.json_types import JsonValue


def read_entry(entry: Entry, at: str) -> JsonValue:
    """The content of an entry in the form of this release.

    Args:
        at: names the entry in the text of an error.

    Raises:
        ConfigurationError: a later release wrote it.
        ValueError: it is not JSON.
    """
    return migrate(read_json(entry.content), entry.schema, SCHEMA_VERSION, at)
