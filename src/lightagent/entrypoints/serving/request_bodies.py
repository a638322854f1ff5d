"""Read the body of a request within limits of size, time and nesting depth."""

from __future__ import annotations

import re

from starlette.requests import Request

from lightagent.aiokits.deadline import Deadline
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.domain.json_types import JsonObject
from lightagent.settings.sections.serve import ServeSettings

_MARKS = (b"data:", b'"data"', b'"raw"', b'"bytes"')
"""In every protocol, one of these precedes the data of an image."""

_LONGEST_MARK = 8

_PACKED = re.compile(rb"[A-Za-z0-9+/=_\\-]{4096,}")
"""Base64 text of an image; some clients escape its slashes. Other text is rarely as long without a space or comma."""

_MOST_DIGITS = 18
"""Digits of a `Content-Length`; a longer number exceeds every limit."""

MOST_DEPTH = 100
"""Nesting levels of lists and objects that a request may have."""


async def read_body(request: Request, settings: ServeSettings) -> JsonObject:
    """Return the JSON object in the body of the request.

    Raises:
        RequestRefused: the body is too large, arrived too slowly, or is not a JSON object; the message gives the
            position of a syntax error.
        ClientDisconnect: the client has disconnected.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise RequestRefused(415, "The body must be JSON.", "Send Content-Type: application/json.")
    if (packed := request.headers.get("content-encoding", "identity").strip().lower()) not in ("identity", ""):
        raise RequestRefused(
            415, f"The Content-Encoding {packed[:40]!a} is not supported.", "Send the body uncompressed."
        )
    try:
        with Deadline(settings.body_seconds):
            raw = await _read(request, settings)
    except TimeoutError:
        raise RequestRefused(408, "The body did not arrive in time.", "Send it at once.") from None
    return parse_body(raw)


def parse_body(raw: bytes) -> JsonObject:
    """Parse these bytes as a JSON object.

    Raises:
        RequestRefused: they are not a JSON object; the message gives the position of a syntax error.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        raise RequestRefused(400, f"The body is not UTF-8 at byte {exc.start}.", "Send UTF-8.") from None
    try:
        value = read_json(text, most_depth=MOST_DEPTH, most_digits=400)
    except NotStrictJsonError as exc:
        raise RequestRefused(400, f"The body cannot be read: {exc}.", exc.remedy) from None
    if not isinstance(value, dict):
        raise RequestRefused(400, "The body must be a JSON object.", "")
    return value


async def _read(request: Request, settings: ServeSettings) -> bytes:
    announced = request.headers.get("content-length", "").lstrip("0")
    is_number = announced.isascii() and announced.isdigit()
    if is_number and (len(announced) > _MOST_DIGITS or int(announced) > settings.image_body_bytes):
        raise _too_large(settings.image_body_bytes)
    pieces, size, has_image, tail = list[bytes](), 0, False, b""
    async for piece in request.stream():
        size += len(piece)
        has_image = has_image or any(mark in tail + piece for mark in _MARKS)
        tail = (tail + piece)[-_LONGEST_MARK:]
        most = settings.image_body_bytes if has_image else settings.body_bytes
        if size > most:
            raise _too_large(most)
        pieces.append(piece)
    raw = b"".join(pieces)
    if has_image and len(raw) > settings.body_bytes and _beside_images(raw) > settings.body_bytes:
        raise RequestRefused(
            413, f"The body has more than {settings.body_bytes} bytes beside its images.", "Send less text."
        )
    return raw


def _beside_images(raw: bytes) -> int:
    """Return the size of a body without its images, whose text is cheap to parse, unlike other JSON."""
    return len(raw) - sum(found.end() - found.start() for found in _PACKED.finditer(raw))


def _too_large(most: int) -> RequestRefused:
    return RequestRefused(413, f"The body has more than {most} bytes.", "Send less.")
