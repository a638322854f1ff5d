"""Brings what earlier releases stored to the form of this release, one version of the format at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

Migration: TypeAlias = Callable[[JsonObject], JsonObject]
"""From an entry of one version to the same entry of the next one. It is pure, and returns unchanged what it does not
know: an entry may be of any kind, also of one that a later release has brought."""

MIGRATIONS: Final[dict[int, Migration]] = {2: dict, 3: dict}  # Versions 3 and 4 have fields, kinds and effects more.
"""By the version that each begins from, without gaps up to the version that is written. Migrations are only ever added,
with a file of the older version in `tests/golden`. Version 2 is the first that is read."""


def oldest_version(newest: int, migrations: Mapping[int, Migration] = MIGRATIONS) -> int:
    """The oldest version that can be read."""
    return min(migrations, default=newest)


def migrate(
    content: JsonValue, version: int, newest: int, at: str, migrations: Mapping[int, Migration] = MIGRATIONS
) -> JsonValue:
    """An entry of any version that is read as one of the version `newest`; an event of a nested run likewise.

    Args:
        at: names the entry in the text of an error.

    Raises:
        ConfigurationError: it is of a later release, or of one that is read no more.
    """
    if version > newest:
        raise ConfigurationError(
            f"{at} has the format {version}, and this release of lightagent reads formats up to {newest}.",
            guidance="A later release wrote it: upgrade lightagent wherever this is read.",
        )
    if version < (oldest := oldest_version(newest, migrations)):
        raise ConfigurationError(
            f"{at} has the format {version}, and this release of lightagent reads formats from {oldest} on.",
            guidance="Read it with the release that wrote it.",
        )
    for step in range(version, newest):
        content = _migrated(content, migrations[step])
    return content


def _migrated(content: JsonValue, migration: Migration) -> JsonValue:
    if not isinstance(content, dict):
        return content
    if content.get("type") == "nested":
        content = {**content, "event": _migrated(content.get("event"), migration)}
    return migration(content)
