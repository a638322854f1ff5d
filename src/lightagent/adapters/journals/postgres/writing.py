"""Appends and leases. Each may be repeated after a lost connection: what the first attempt did is recognised.

An append is one statement, so that it is whole or not at all without a transaction around it and costs one way to the
server and back. The statement decides whether it may go ahead; only where it did nothing is it asked why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from lightagent.adapters._postgres.session import NOW, Session
from lightagent.adapters.journals.postgres.rows import (
    digest_of,
    draft_columns,
    encoded,
    hold_of,
    key_columns,
    label_text,
    marks_of,
    real,
    whole,
)
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import NO_HOLD, Draft, Lease, StreamInfo, StreamKey, check_append, check_lease

_ATTEMPTS: Final = 20
_ENTRIES: Final = """written AS (
    INSERT INTO {schema}.entries (stream, sequence, content, schema, seal, checksum, append_id)
    SELECT stream.id, %(expected)s::bigint + draft.place, draft.content, draft.schema, draft.seal, draft.checksum,
        CASE WHEN draft.place = 1 THEN %(request)s::bytea END
    FROM stream CROSS JOIN unnest(
        %(contents)s::text[], %(schemas)s::bigint[], %(seals)s::text[], %(checksums)s::bigint[]
    ) WITH ORDINALITY AS draft (content, schema, seal, checksum, place)
)
SELECT id FROM stream"""

_BEGIN: Final = f"""WITH stream AS (
    INSERT INTO {{schema}}.streams AS old (
        digest, tenant, owner_user, owner_session, kind, name,
        head, labels, marks, created_at, updated_at, size, seal)
    VALUES (
        %(digest)s, %(tenant)s, %(owner_user)s, %(owner_session)s, %(kind)s, %(name)s,
        %(count)s, %(labels)s, %(marks)s, %(at)s, %(at)s, %(size)s, %(seal)s)
    ON CONFLICT (digest) DO UPDATE SET
        head = excluded.head, labels = excluded.labels, marks = excluded.marks, created_at = excluded.created_at,
        updated_at = excluded.updated_at, size = excluded.size, seal = excluded.seal
    WHERE old.head = 0 AND (old.token = 0 OR old.held_until <= {NOW})
    RETURNING id
), {_ENTRIES}"""

_APPEND: Final = f"""WITH stream AS (
    UPDATE {{schema}}.streams SET
        head = head + %(count)s, size = size + %(size)s, updated_at = %(at)s, seal = %(seal)s,
        created_at = CASE WHEN head = 0 THEN %(at)s ELSE created_at END,
        labels = coalesce(%(labels)s::text, labels), marks = coalesce(%(marks)s::bytea[], marks)
    WHERE digest = %(digest)s AND head = %(expected)s::bigint
        AND (%(replacing)s::text IS NULL OR seal = %(replacing)s::text) AND CASE
        WHEN %(token)s::bigint IS NULL THEN token = 0 OR held_until <= {NOW}
        ELSE token = %(token)s::bigint END
    RETURNING id
), {_ENTRIES}"""

_WHY: Final = f"""SELECT head, seal, token, holder, held_until, {NOW}, EXISTS (
    SELECT FROM {{schema}}.entries
    WHERE stream = streams.id AND sequence = %(expected)s::bigint + 1 AND append_id = %(request)s)
FROM {{schema}}.streams WHERE digest = %(digest)s"""

_RESERVE: Final = """INSERT INTO {schema}.streams (digest, tenant, owner_user, owner_session, kind, name)
VALUES (%(digest)s, %(tenant)s, %(owner_user)s, %(owner_session)s, %(kind)s, %(name)s)
ON CONFLICT (digest) DO NOTHING"""

_HOLD: Final = f"""SELECT token, holder, held_until, {NOW}, lease_request FROM {{schema}}.streams
WHERE digest = %(digest)s FOR UPDATE"""

_LEASE: Final = f"""UPDATE {{schema}}.streams SET
    token = coalesce(%(token)s::bigint, nextval({{tokens}})), holder = %(holder)s,
    held_until = {NOW} + %(seconds)s::float8, lease_request = %(request)s
WHERE digest = %(digest)s RETURNING token"""

_RELEASE: Final = """UPDATE {schema}.streams SET token = 0, holder = '', held_until = 0, lease_request = %(request)s
WHERE digest = %(digest)s"""


@dataclass(frozen=True, slots=True)
class Append:
    """An append, with a name by which it knows again what it has written; see `JournalStore.append`."""

    key: StreamKey
    drafts: Sequence[Draft]
    expected: int
    at: float
    labels: Mapping[str, str] | None
    token: int | None
    seal: str
    replacing: str | None = None
    request: bytes = field(default_factory=lambda: uuid4().bytes)

    async def __call__(self, session: Session) -> int:
        """The sequence of the last entry.

        Raises:
            StreamConflict: the stream ends elsewhere, or bears another seal.
            Fenced: the lease was lost, or another writer holds one.
        """
        # With a token there is a stream already, since it has a lease; so there is with a seal or after an entry.
        statement = _BEGIN if self.expected == 0 and self.token is None and not self.replacing else _APPEND
        values = self._values(new=statement is _BEGIN)
        for _ in range(_ATTEMPTS):
            if await session.row(statement, values) is not None or await self._is_done(session):
                return self.expected + len(self.drafts)
        raise StoreError("The stream changed whenever it was appended to.", guidance="Try again.", retryable=True)

    async def _is_done(self, session: Session) -> bool:
        """Whether an earlier attempt, whose acknowledgement was lost, has written everything.

        False: what stood in the way is gone meanwhile, such as the end of another writer's lease.
        """
        values = {"digest": digest_of(self.key), "expected": self.expected, "request": self.request}
        row = await session.row(_WHY, values)
        stream, hold, now, done = (StreamInfo(self.key), NO_HOLD, 0.0, False)
        if row is not None:
            stream = StreamInfo(self.key, whole(row[0]), seal=str(row[1]))
            hold, now, done = hold_of(row[2:5]), real(row[5]), bool(row[6])
        if not done:
            check_append(stream, hold, now, self.expected, self.token, self.replacing)
        return done

    def _values(self, new: bool) -> dict[str, object]:
        digest = digest_of(self.key)
        labels = {} if new and self.labels is None else self.labels
        return {
            "digest": digest,
            **key_columns(self.key),
            **draft_columns(digest, self.expected, self.drafts),
            "count": len(self.drafts),
            "size": sum(len(draft.content.encode()) for draft in self.drafts),
            "expected": self.expected,
            "at": float(self.at),
            "labels": None if labels is None else label_text(labels),
            "marks": None if labels is None else marks_of(labels),
            "token": self.token,
            "seal": self.seal,
            "replacing": self.replacing,
            "request": self.request,
        }


@dataclass(frozen=True, slots=True)
class Leasing:
    """A lease that is to be given, renewed or released; see `JournalStore.lease`."""

    key: StreamKey
    holder: str
    seconds: float
    token: int | None
    request: bytes = field(default_factory=lambda: uuid4().bytes)

    async def __call__(self, session: Session) -> Lease:
        """The lease.

        Raises:
            LeaseHeld: another writer holds it.
            Fenced: the lease that was to be renewed or released was lost.
        """
        async with session.connection.transaction():
            return await self._lease(session)

    async def _lease(self, session: Session) -> Lease:
        values: dict[str, object] = {
            "digest": digest_of(self.key),
            **key_columns(self.key),
            "token": self.token,
            "holder": encoded(self.holder),
            "seconds": float(self.seconds),
            "request": self.request,
        }
        if self.token is None:
            await session.execute(_RESERVE, values)
        row = await session.row(_HOLD, values)
        hold, now = (NO_HOLD, 0.0) if row is None else (hold_of(row[:3]), real(row[3]))
        if row is not None and row[4] == self.request:  # The acknowledgement of an earlier attempt was lost.
            return Lease(self.token or hold.token, max(self.seconds, 0.0))
        check_lease(hold, now, self.seconds, self.token)
        if self.token is not None and self.seconds <= 0:
            await session.execute(_RELEASE, values)
            return Lease(self.token, 0.0)
        given = await session.row(_LEASE, values)
        return Lease(0 if given is None else whole(given[0]), self.seconds)
