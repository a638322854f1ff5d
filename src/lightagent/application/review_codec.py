"""The entries of a review's log to and from JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final

from lightagent.application.event_codec import read_strictly
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journal_streams import Draft, Entry
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review_log import ReviewEntry

if TYPE_CHECKING:
    from pydantic import TypeAdapter

REVIEW_SCHEMA: Final = 1
"""The version of the form of these entries."""


def review_drafts(entries: Sequence[ReviewEntry]) -> list[Draft]:
    """The entries as a store takes them."""
    return [Draft(json.dumps(_to_dict(entry), separators=(",", ":")), REVIEW_SCHEMA) for entry in entries]


def read_review_entry(entry: Entry) -> ReviewEntry:
    """The entry that a store gave.

    Raises:
        ConfigurationError: it is not an entry of a review, or a later release wrote it.
    """
    at = f"Review: entry {entry.sequence}"
    if entry.schema > REVIEW_SCHEMA:
        raise ConfigurationError(f"{at} was written by a later release.", guidance="Update lightagent.")
    try:
        return read_strictly(_codec(), read_json(entry.content), at)
    except ValueError as error:
        raise ConfigurationError(f"{at}: {error}.", guidance="The store was changed.") from None


def _to_dict(entry: ReviewEntry) -> JsonObject:
    dumped: JsonObject = _codec().dump_python(entry, mode="json")
    return dumped


@cache
def _codec() -> TypeAdapter[ReviewEntry]:
    """Made at first use: building it takes some milliseconds, and most runs never need it."""
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[ReviewEntry, Field(discriminator="type")])
