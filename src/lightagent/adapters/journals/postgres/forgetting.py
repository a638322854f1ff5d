"""Removing streams, and the front of one. Each is a transaction in which the streams are locked, so that no append
comes in between.

After a lost connection the work is done again. If the first attempt was carried out, nothing is left for the second to
count; so what was counted first is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.journals.postgres.rows import MATCHING, digest_of, encoded, whole
from lightagent.domain.journals.streams import StreamInfo, StreamKey, check_end
from lightagent.domain.scopes import Scope

_STREAM: Final = "SELECT id, head, seal FROM {schema}.streams WHERE digest = %(digest)s FOR UPDATE"

# In an order, so that two who forget do not wait for each other in a circle.
_SUBJECT: Final = "SELECT id, head, seal FROM {schema}.streams WHERE true"
_LOCKED: Final = " ORDER BY id FOR UPDATE"

_REMOVE_STREAMS: Final = "DELETE FROM {schema}.streams WHERE id = ANY(%(streams)s::bigint[])"
_REMOVE_ENTRIES: Final = "DELETE FROM {schema}.entries WHERE stream = ANY(%(streams)s::bigint[])"

_PRUNE: Final = """WITH gone AS (
    DELETE FROM {schema}.entries WHERE stream = %(stream)s AND sequence < %(before)s
    RETURNING octet_length(content) AS bytes
), counted AS (SELECT count(*) AS entries, coalesce(sum(bytes), 0)::bigint AS bytes FROM gone), kept AS (
    UPDATE {schema}.streams SET base = least(%(before)s::bigint - 1, head), size = size - counted.bytes,
        seal = coalesce(%(seal)s::text, seal)
    FROM counted WHERE id = %(stream)s AND counted.entries > 0
)
SELECT entries FROM counted"""


@dataclass(slots=True)
class Forgetting:
    """What is to be forgotten; see `JournalStore.forget`."""

    what: StreamKey | Scope
    before: int | None
    expected: int | None
    seal: str | None = None
    replacing: str | None = None
    counted: int = field(default=0, init=False)
    """What an earlier attempt removed, if it was carried out."""

    async def __call__(self, session: Session) -> int:
        """How many streams were removed, or entries.

        Raises:
            StreamConflict: the stream does not end as expected.
        """
        async with session.connection.transaction():
            streams = await session.rows(*self._selection())
            if isinstance(self.what, StreamKey) and not self.counted:
                rows = [StreamInfo(self.what, whole(head), seal=str(seal)) for _, head, seal in streams]
                check_end(rows[0] if rows else StreamInfo(self.what), self.expected, self.replacing)
            if self.before is None:
                removed = await _remove(session, streams)
            else:
                removed = await _prune(session, streams, self.before, self.seal)
            self.counted = removed or self.counted
        return self.counted

    def _selection(self) -> tuple[LiteralString, Mapping[str, object]]:
        if isinstance(self.what, StreamKey):
            return _STREAM, {"digest": digest_of(self.what)}
        subject = {"tenant": self.what.tenant, "owner_user": self.what.user, "owner_session": self.what.session}
        wanted = {column: encoded(text) for column, text in subject.items() if text or column == "tenant"}
        return _SUBJECT + "".join(MATCHING[column] for column in wanted) + _LOCKED, wanted


async def _remove(session: Session, streams: list[tuple[object, ...]]) -> int:
    if not streams:
        return 0
    values = {"streams": [number for number, *_ in streams]}
    await session.execute(_REMOVE_STREAMS, values)
    await session.execute(_REMOVE_ENTRIES, values)
    return sum(whole(head) > 0 for _, head, _ in streams)


async def _prune(session: Session, streams: list[tuple[object, ...]], before: int, seal: str | None) -> int:
    removed = 0
    for number, *_ in streams:
        row = await session.row(_PRUNE, {"stream": number, "before": before, "seal": seal})
        removed += 0 if row is None else whole(row[0])
    return removed
