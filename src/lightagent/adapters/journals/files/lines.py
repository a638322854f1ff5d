"""The lines of a stream's file: JSON objects that a person can read, each with a checksum.

The first line is the header, which names the stream. Then each append writes a line an entry and, after them, a row:
what is known of the stream from then on. The row marks the commit, so an append without its row does not count.
A lease is a row without entries. Lines are numbered, so that a missing one is noticed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from math import isfinite
from typing import Final

from lightagent.domain.journals.streams import Draft, Entry, Hold, StreamInfo, StreamKey
from lightagent.domain.scopes import Scope

_FORMAT: Final = "lightagent journal stream 1"
_START: Final = b'{"sum":"'
_BODY_AT: Final = len(_START) + 8 + 2
"""Where a line goes on after its checksum of eight digits."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file: the stream, its place in the order of creation, and the number of the next line."""

    key: StreamKey
    place: int
    next_line: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a stream once a row is written.

    Attributes:
        line: the number of the line; the next line has the next one.
        idle_from: where in the file the rows begin that no entry has followed yet; 0 if this one ends an append.
    """

    line: int
    info: StreamInfo
    hold: Hold
    idle_from: int = 0


@dataclass(frozen=True, slots=True)
class Ends:
    """How a file begins and ends after an append, byte for byte.

    A file that begins and ends so is as that append has left it, so neither has to be parsed for the next one.

    Attributes:
        front: the first line.
        back: the last row, with the line break before it.
        row: what that says.
    """

    front: bytes
    back: bytes
    row: Row


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is as it was written: an entry, or else a row.

    Attributes:
        reach: the sequence of the last entry up to here; it never falls from line to line.
        body: the line after its checksum.
    """

    number: int
    reach: int
    entry: Entry | None
    body: bytes


@lru_cache(maxsize=1024)
def name_of(key: StreamKey) -> str:
    """The name of a stream's file without its ending: any text may name a stream, and few texts may name a file."""
    return hashlib.sha256(_json(_parts(key))).hexdigest()


def header_line(seed: int, header: Header) -> bytes:
    """The first line of a file."""
    tenant, user, session, kind, id_ = _parts(header.key)
    fields = {
        "format": _FORMAT,
        "place": header.place,
        "next_line": header.next_line,
        "tenant": tenant,
        "user": user,
        "session": session,
    }
    return checked_line(seed, _json({**fields, "kind": kind, "id": id_})[1:])


def entry_line(seed: int, number: int, sequence: int, draft: Draft) -> bytes:
    """The line of an entry. The content stands there as it was given, and so comes back byte for byte."""
    seal = _quoted(draft.seal) if draft.seal else '""'
    front = f'"line":{number:d},"sequence":{sequence:d},"schema":{draft.schema:d},"seal":{seal},"content":'
    return checked_line(seed, _bytes(front) + draft.content.encode() + b"}")


def row_line(seed: int, row: Row) -> bytes:
    """The line of a row."""
    info, hold = row.info, row.hold
    # Each append writes one, so it is put together by hand: an encoder takes three times as long.
    body = (
        f'"line":{row.line:d},"head":{info.head:d},"base":{info.base:d},"created_at":{_number(info.created_at)},'
        f'"updated_at":{_number(info.updated_at)},"size":{info.size:d},"seal":{_quoted(info.seal)},'
        f'"labels":{_labels(tuple(info.labels.items()))},"token":{hold.token:d},"holder":{_quoted(hold.holder)},'
        f'"until":{_number(hold.until)},"idle_from":{row.idle_from:d}}}'
    )
    return checked_line(seed, _bytes(body))


@lru_cache(maxsize=256)
def _labels(items: tuple[tuple[str, str], ...]) -> str:
    """The labels of a stream: they are the same for most of its appends."""
    return _encode(dict(items))


def _number(value: float) -> str:
    return repr(value) if isfinite(value) else _encode(value)


def seed_of(name: str) -> int:
    """What a file's checksums begin with, so that a line of another stream is not taken for one of this."""
    return zlib.crc32(name.encode())


def checked_line(seed: int, body: bytes) -> bytes:
    """A line with its checksum."""
    return b'%s%08x",%s\n' % (_START, zlib.crc32(body, seed), body)


def body_of(seed: int, line: bytes) -> bytes | None:
    """A line, with or without its line break, after its checksum; None if the checksum does not fit."""
    line = line.removesuffix(b"\n")
    body = line[_BODY_AT:]
    if not body or line[:_BODY_AT] != b'%s%08x",' % (_START, zlib.crc32(body, seed)):
        return None
    return body


def parse_header(name: str, line: bytes) -> Header | None:
    """The header of the file `name`; None if this is not one."""
    fields = _object(body_of(seed_of(name), line))
    try:
        if fields.get("format") != _FORMAT:
            return None
        owner = Scope(_text(fields, "tenant"), _text(fields, "user"), _text(fields, "session"))
        key = StreamKey(owner, _text(fields, "kind"), _text(fields, "id"))
        header = Header(key, _whole(fields, "place"), _whole(fields, "next_line"))
    except ValueError:
        return None
    return header if name_of(header.key) == name else None


def parse_line(seed: int, line: bytes) -> Line | None:
    """A line after the first; None if it is not as it was written."""
    body = body_of(seed, line)
    if body is None:
        return None
    try:
        return _parsed(body)
    except ValueError:
        return None


def parse_row(key: StreamKey, line: Line) -> Row | None:
    """The row that a line is; None if it is none."""
    fields = _object(line.body)
    try:
        info = StreamInfo(
            key,
            _whole(fields, "head"),
            _whole(fields, "base"),
            _texts(fields, "labels"),
            _real(fields, "created_at"),
            _real(fields, "updated_at"),
            _whole(fields, "size"),
            _text(fields, "seal"),
        )
        hold = Hold(_whole(fields, "token"), _text(fields, "holder"), _real(fields, "until"))
        return Row(_whole(fields, "line"), info, hold, _whole(fields, "idle_from"))
    except ValueError:
        return None


def _parsed(body: bytes) -> Line:
    number, reach, _ = body.split(b",", 2)
    if reach.startswith(b'"head":'):
        return Line(int(number.removeprefix(b'"line":')), int(reach.removeprefix(b'"head":')), None, body)
    # No name of a field stands in the seal before, where each quotation mark is escaped.
    front, _, content = body.partition(b',"content":')
    fields = _object(front + b"}")
    entry = Entry(_whole(fields, "sequence"), content[:-1].decode(), _whole(fields, "schema"), _text(fields, "seal"))
    return Line(_whole(fields, "line"), entry.sequence, entry, body)


def _parts(key: StreamKey) -> tuple[str, str, str, str, str]:
    return key.owner.tenant, key.owner.user, key.owner.session, key.kind, key.id


def _json(value: object) -> bytes:
    """JSON that tells every text from every other: with escapes, two halves of a surrogate pair would become one."""
    return _bytes(_encode(value))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _object(body: bytes | None) -> dict[str, object]:
    if body is None:
        return {}
    try:
        found: object = json.loads((b"{" + body).decode("utf-8", "surrogatepass"))
    except ValueError:
        return {}
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else {}


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(name)
    return value


def _whole(fields: dict[str, object], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int):
        raise ValueError(name)
    return value


def _real(fields: dict[str, object], name: str) -> float:
    value = fields.get(name)
    if not isinstance(value, float):
        raise ValueError(name)
    return value


def _texts(fields: dict[str, object], name: str) -> dict[str, str]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise ValueError(name)
    return {str(label): str(text) for label, text in value.items()}
