"""What rows a search looks at, as a part of its statement: the filter is within the search, so that none is crowded
out by what may not be found.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from lightagent.adapters.memory.sqlite.facts import marks_as_json, short_marks
from lightagent.adapters.memory.sqlite.rows import encoded, metadata_of
from lightagent.domain.json_checks import equals_json
from lightagent.domain.memory.recall_filter import RecallFilter


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a statement about the table of memories, named ``m`` there, and its values."""

    text: str
    values: tuple[object, ...]


def condition(owner: int, wanted: RecallFilter) -> Condition:
    """The rows of an owner, by the number in this file, that a filter lets through."""
    parts = ["m.owner = ?", "m.is_injectable = 1"]
    values: list[object] = [owner]
    for column, allowed in (
        ("source", wanted.sources),
        ("scope", wanted.scopes),
        ("agent_name", wanted.agent_names),
        ("trust_level", wanted.trust_levels),
    ):
        if allowed is not None:
            parts.append(f"m.{column} IN ({', '.join('?' * len(allowed))})")
            values += map(encoded, allowed)
    if wanted.min_confidence is not None:
        parts.append("m.confidence >= ?")
        values.append(wanted.min_confidence)
    parts.append("m.expires_at > ?" if wanted.needs_expiry else "(m.expires_at IS NULL OR m.expires_at > ?)")
    values.append(wanted.now)
    if not wanted.with_internal:
        parts.append("m.is_internal = 0")
    if wanted.moment is not None:
        parts.append("(m.valid_from IS NULL OR m.valid_from <= ?) AND (m.valid_until IS NULL OR m.valid_until > ?)")
        values += (wanted.moment, wanted.moment)
    if wanted.metadata:
        # One condition, whatever their number: SQLite takes only so many. What the index does not have is never read:
        # the metadata is looked at only where all of its marks are there.
        parts.append(
            "CASE WHEN EXISTS (SELECT 1 FROM json_each(?) w WHERE NOT EXISTS (SELECT 1 FROM metadata_marks k "
            "WHERE k.owner = ? AND k.mark = w.value AND k.memory = m.id)) THEN 0 ELSE has_metadata(m.metadata, ?) END"
        )
        marks = json.dumps(sorted(set(short_marks(wanted.metadata))))
        values += (marks, owner, json.dumps(wanted.metadata))
    return Condition(" AND ".join(parts), tuple(values))


def add_functions(connection: sqlite3.Connection) -> None:
    """What the statements of a search call."""
    connection.create_function("has_metadata", 2, _has_metadata, deterministic=True)
    connection.create_function("marks_of", 1, marks_as_json, deterministic=True)


def _has_metadata(metadata: object, wanted: object) -> bool:
    known = metadata_of(metadata)
    return all(name in known and equals_json(known[name], one) for name, one in metadata_of(wanted).items())
