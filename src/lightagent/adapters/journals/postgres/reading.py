"""Slices and listings, each by one statement, and so as of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import NOW, Session
from lightagent.adapters.journals.postgres.rows import (
    MATCHING,
    digest_of,
    encoded,
    entry_of,
    info_of,
    marks_of,
    missing_entries,
    whole,
)
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.input_checks import place_of
from lightagent.domain.journals.streams import Slice, StreamInfo, StreamKey, StreamPage, StreamQuery

_COLUMNS: Final = (
    "id, digest, tenant, owner_user, owner_session, kind, name, head, base, labels, marks, created_at, updated_at, "
    "size, seal, token, holder, held_until"
)
_WIDTH: Final = 19

# The first row is the stream, the others are its entries.
_READ: Final = f"""WITH found AS MATERIALIZED (
    SELECT {_COLUMNS}, {NOW} AS moment FROM {{schema}}.streams WHERE digest = %(digest)s
)
SELECT {_COLUMNS}, moment, NULL::bigint, NULL::text, NULL::bigint, NULL::text, NULL::bigint FROM found
UNION ALL
SELECT {"NULL, " * _WIDTH} entry.sequence, entry.content, entry.schema, entry.seal, entry.checksum
FROM found CROSS JOIN LATERAL (
    SELECT sequence, content, schema, seal, checksum FROM {{schema}}.entries
    WHERE stream = found.id AND sequence > greatest(
        found.base, CASE WHEN %(after)s::bigint < 0 THEN found.head + %(after)s::bigint ELSE %(after)s::bigint END)
    ORDER BY sequence LIMIT %(limit)s::bigint
) AS entry"""

_LIST: Final = f"SELECT {_COLUMNS}, {NOW} FROM {{schema}}.streams WHERE head > 0"
_PAGE: Final = " ORDER BY id DESC LIMIT %(limit)s::bigint"
_CONDITIONS: Final[dict[str, LiteralString]] = {
    **MATCHING,
    "before": " AND updated_at < %(before)s::float8",
    "after": " AND updated_at > %(after)s::float8",
    "marks": " AND marks @> %(marks)s::bytea[]",
    "cursor": " AND id < %(cursor)s::bigint",
}

_HEADS: Final = "SELECT digest, head FROM {schema}.streams WHERE digest = ANY(%(digests)s::bytea[])"


async def read(session: Session, key: StreamKey, after: int, limit: int) -> Slice:
    """Some entries of a stream; see `JournalStore.read`.

    Raises:
        DamagedStream: one is missing, or is not what was written.
    """
    digest = digest_of(key)
    rows = await session.rows(_READ, {"digest": digest, "after": after, "limit": limit})
    streams = [row[:_WIDTH] for row in rows if row[0] is not None]
    if not streams:
        return Slice(StreamInfo(key))
    info = info_of(streams[0])
    found = [entry_of(digest, row[_WIDTH:]) for row in rows if row[0] is None]
    entries = tuple(sorted(found, key=lambda entry: entry.sequence))
    first = max(info.head + after if after < 0 else after, info.base) + 1
    if [entry.sequence for entry in entries] != [*range(first, min(info.head, first + limit - 1) + 1)]:
        raise missing_entries()
    return Slice(info, entries)


async def list_streams(session: Session, query: StreamQuery) -> StreamPage:
    """One page of streams; see `JournalStore.list`."""
    values = _conditions(query)
    conditions = "".join(_CONDITIONS[name] for name in values)
    rows = await session.rows(_LIST + conditions + _PAGE, {**values, "limit": query.limit + 1})
    found: list[StreamInfo] = []
    unreadable: list[str] = []
    for row in rows[: query.limit]:
        try:
            found.append(info_of(row))
        except DamagedStream as error:
            unreadable.append(f"Stream {row[0]}: {error.message}")
    next_ = str(rows[query.limit - 1][0]) if len(rows) > query.limit else ""
    return StreamPage(tuple(found), next_, tuple(unreadable))


async def heads_of(session: Session, digests: Sequence[bytes]) -> dict[bytes, int]:
    """The last sequences of streams, where they exist."""
    rows = await session.rows(_HEADS, {"digests": [*digests]})
    return {digest: whole(head) for digest, head in rows if isinstance(digest, bytes)}


def _conditions(query: StreamQuery) -> dict[str, object]:
    """What a query asks for, by the name of the condition."""
    named = {
        "kind": query.kind,
        "tenant": query.tenant,
        "owner_user": query.user,
        "owner_session": query.session,
        "name": query.id,
    }
    values: dict[str, object] = {name: encoded(text) for name, text in named.items() if text is not None}
    bounds = {"before": query.updated_before, "after": query.updated_after}
    values |= {name: float(moment) for name, moment in bounds.items() if moment is not None}
    if query.labels:
        values["marks"] = marks_of(query.labels)
    if query.cursor:
        values["cursor"] = place_of(query.cursor)
    return values
