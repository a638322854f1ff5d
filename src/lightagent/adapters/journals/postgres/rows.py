"""What is written where: keys, labels and entries as columns, and rows as streams and entries."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, LiteralString

from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import Draft, Entry, Hold, StreamInfo, StreamKey
from lightagent.domain.scopes import Scope

KEY_COLUMNS: Final = ("tenant", "owner_user", "owner_session", "kind", "name")
MATCHING: Final[dict[str, LiteralString]] = {
    "tenant": " AND sha256(tenant) = sha256(%(tenant)s) AND tenant = %(tenant)s",
    "owner_user": " AND sha256(owner_user) = sha256(%(owner_user)s) AND owner_user = %(owner_user)s",
    "owner_session": " AND owner_session = %(owner_session)s",
    "kind": " AND sha256(kind) = sha256(%(kind)s) AND kind = %(kind)s",
    "name": " AND sha256(name) = sha256(%(name)s) AND name = %(name)s",
}
"""How streams are found by a part of their key: by its digest, which the index has, and then as it is."""
_RESTORE: Final = "Restore the database from a backup."


def encoded(text: str) -> bytes:
    """Any text as bytes: a name may be what PostgreSQL's text cannot hold, such as a null character."""
    return text.encode("utf-8", "surrogatepass")


def key_columns(key: StreamKey) -> dict[str, bytes]:
    """The parts of a key, by column."""
    owner = key.owner
    parts = (owner.tenant, owner.user, owner.session, key.kind, key.id)
    return dict(zip(KEY_COLUMNS, map(encoded, parts), strict=True))


def digest_of(key: StreamKey) -> bytes:
    """What a stream is found by: a name may be longer than an index takes, a digest never is."""
    return _digest(*key_columns(key).values())


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as they stand in the row of their stream."""
    return json.dumps(dict(sorted(labels.items())))


def marks_of(labels: Mapping[str, str]) -> list[bytes]:
    """What a stream is found by for each of its labels: a digest of name and value."""
    return sorted(_digest(encoded(name), encoded(value)) for name, value in labels.items())


def checksum_of(digest: bytes, sequence: int, content: str, schema: int, seal: str) -> int:
    """Fits one entry at one place of one stream."""
    return zlib.crc32(f"{sequence} {schema} {seal} {content}".encode(), zlib.crc32(digest))


def draft_columns(digest: bytes, head: int, drafts: Sequence[Draft]) -> dict[str, object]:
    """The drafts that follow `head`, as an array for each column."""
    return {
        "contents": [draft.content for draft in drafts],
        "schemas": [draft.schema for draft in drafts],
        "seals": [draft.seal for draft in drafts],
        "checksums": [
            checksum_of(digest, head + place, draft.content, draft.schema, draft.seal)
            for place, draft in enumerate(drafts, 1)
        ],
    }


def entry_of(digest: bytes, row: Sequence[object]) -> Entry:
    """The entry of a row.

    Raises:
        DamagedStream: it is not what was written.
    """
    sequence, content, schema, seal, checksum = row
    entry = Entry(whole(sequence), str(content), whole(schema), str(seal))
    if checksum != checksum_of(digest, entry.sequence, entry.content, entry.schema, entry.seal):
        raise DamagedStream(f"Entry {entry.sequence} is not what was written.", guidance=_RESTORE)
    return entry


def info_of(row: Sequence[object]) -> StreamInfo:
    """What a row of the table of streams says, which has the columns of `STREAM_COLUMNS`.

    Raises:
        DamagedStream: its columns do not fit each other.
    """
    (_, digest, tenant, user, session, kind, name, head, base, text, marks, created, updated, size, seal, *held) = row
    key = StreamKey(Scope(_text(tenant), _text(user), _text(session)), _text(kind), _text(name))
    labels = _labels(text)
    if digest != digest_of(key) or marks != marks_of(labels):
        raise DamagedStream("The name or the labels of a stream are not what was written.", guidance=_RESTORE)
    *hold, now = held
    left = hold_of(hold).remaining(real(now))
    return StreamInfo(
        key,
        whole(head),
        whole(base),
        labels,
        real(created),
        real(updated),
        whole(size),
        str(seal),
        hold_of(hold).holder if left else "",
        left,
    )


def hold_of(row: Sequence[object]) -> Hold:
    """Who holds the lease: token, holder and end."""
    token, holder, until = row
    return Hold(whole(token), _text(holder), real(until))


def whole(value: object) -> int:
    """A column of whole numbers."""
    if not isinstance(value, int):
        raise DamagedStream("A number of a stream is not what was written.", guidance=_RESTORE)
    return value


def real(value: object) -> float:
    """A column of times."""
    if not isinstance(value, float):
        raise DamagedStream("A time of a stream is not what was written.", guidance=_RESTORE)
    return value


def missing_entries() -> DamagedStream:
    """What is raised where entries are not there that the stream must have."""
    return DamagedStream("Entries of the stream are missing.", guidance=_RESTORE)


def _digest(*parts: bytes) -> bytes:
    """No two lists of parts have the same: each part is preceded by its length."""
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _labels(text: object) -> dict[str, str]:
    try:
        found: object = json.loads(str(text))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DamagedStream("The labels of a stream are not what was written.", guidance=_RESTORE)
    return {str(name): str(value) for name, value in found.items()}


def _text(value: object) -> str:
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        pass
    raise DamagedStream("The name of a stream is not what was written.", guidance=_RESTORE)
