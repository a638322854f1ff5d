"""What is written where: owners, filters and records as columns, and rows as records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from lightagent.adapters.memory._marks import (
    decoded,
    encoded,
    mark,
    metadata_marks,
    owner_mark,
    record_mark,
    some_marks,
)
from lightagent.domain.errors import LightAgentError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import OwnerSelection

COLUMNS: Final[LiteralString] = (
    "id, memory_id, namespace, tenant, owner_user, owner_session, agent, content, metadata, written_at"
)

_OWNER_COLUMNS: Final = ("namespace", "tenant", "owner_user", "owner_session", "agent")

_MATCHING: Final[tuple[LiteralString, ...]] = (
    " AND sha256(namespace) = sha256(%(namespace)s) AND namespace = %(namespace)s",
    " AND sha256(tenant) = sha256(%(tenant)s) AND tenant = %(tenant)s",
    " AND sha256(owner_user) = sha256(%(owner_user)s) AND owner_user = %(owner_user)s",
    " AND owner_session = %(owner_session)s",
    " AND agent = %(agent)s",
)

FITTING: Final[LiteralString] = """ AND r.owner = %(owner)s AND r.is_injectable
    AND (%(sources)s::bytea[] IS NULL OR r.source = ANY(%(sources)s::bytea[]))
    AND (%(scopes)s::bytea[] IS NULL OR r.scope = ANY(%(scopes)s::bytea[]))
    AND (%(agent_names)s::bytea[] IS NULL OR r.agent_name = ANY(%(agent_names)s::bytea[]))
    AND (%(trust_levels)s::bytea[] IS NULL OR r.trust_level = ANY(%(trust_levels)s::bytea[]))
    AND (%(min_confidence)s::float8 IS NULL OR r.confidence >= %(min_confidence)s::float8)
    AND CASE WHEN r.expires_at IS NULL THEN NOT %(needs_expiry)s::boolean ELSE r.expires_at > %(now)s::float8 END
    AND (%(moment)s::float8 IS NULL OR (
        (r.valid_from IS NULL OR r.valid_from <= %(moment)s::float8)
        AND (r.valid_until IS NULL OR r.valid_until > %(moment)s::float8)
    ))
    AND (NOT r.is_internal OR %(with_internal)s::boolean)
    AND r.marks @> %(marks)s::text[]"""
"""Continues a condition: the record is one of this owner that a filter lets through."""


def filter_values(owner: MemoryOwner, wanted: RecallFilter) -> dict[str, object]:
    """The values of `FITTING`."""
    return {
        "owner": owner_mark(owner),
        "sources": some_marks(wanted.sources),
        "scopes": some_marks(wanted.scopes),
        "agent_names": some_marks(wanted.agent_names),
        "trust_levels": some_marks(wanted.trust_levels),
        "min_confidence": wanted.min_confidence,
        "needs_expiry": wanted.needs_expiry,
        "now": float(wanted.now),
        "moment": None if wanted.moment is None else float(wanted.moment),
        "with_internal": wanted.with_internal,
        "marks": [one.hex() for one in metadata_marks(wanted.metadata)],
    }


def chosen(selection: OwnerSelection) -> tuple[LiteralString, dict[str, object]]:
    """Continues a condition: the record is of one of these owners; and the values in it."""
    values: dict[str, object] = {}
    condition: LiteralString = ""
    for name, matching, part in zip(_OWNER_COLUMNS, _MATCHING, selection.parts, strict=True):
        if part is not None:
            condition = condition + matching
            values[name] = encoded(part)
    return condition, values


def term_key(owner: bytes, term: str) -> UUID:
    """What the records of one owner are found by for a term."""
    return UUID(bytes=mark(owner.hex(), term)[:16])


def record_columns(record: MemoryRecord) -> dict[str, object]:
    """The columns of a record, without its terms."""
    facts = facts_of(record)
    return {
        "digest": record_mark(record.owner, record.memory_id),
        "owner": owner_mark(record.owner),
        "memory_id": encoded(record.memory_id),
        **dict(zip(_OWNER_COLUMNS, map(encoded, record.owner.parts), strict=True)),
        "content": encoded(record.text),
        "metadata": json.dumps(record.metadata),
        "written_at": float(record.written_at),
        "source": mark(facts.source),
        "scope": mark(facts.scope),
        "agent_name": mark(facts.agent_name),
        "trust_level": mark(facts.trust_level),
        "confidence": facts.confidence,
        "expires_at": facts.expires_at,
        "is_injectable": facts.is_injectable,
        "is_internal": facts.is_internal,
        "valid_from": facts.valid_from,
        "valid_until": facts.valid_until,
        "marks": ",".join(one.hex() for one in metadata_marks(record.metadata)),
    }


def record_of(row: Sequence[object]) -> MemoryRecord:
    """The record of a row of `COLUMNS`.

    Raises:
        StoreError: it is not one that this store has written.
    """
    match row:
        case (int(), bytes(name), *parts, bytes(content), str(metadata), float(written_at)):
            try:
                owner = MemoryOwner(*(decoded(part) for part in parts if isinstance(part, bytes)))
                return MemoryRecord(decoded(name), owner, decoded(content), json.loads(metadata), written_at)
            except (ValueError, RecursionError, LightAgentError):
                pass
        case _:
            pass
    raise StoreError("A memory is not what was written.", guidance="Restore the database from a backup.")
