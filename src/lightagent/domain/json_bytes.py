"""JSON as bytes, as requests hold it: compact, in UTF-8."""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Final

from lightagent.domain.json_types import JsonObject

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ASCII_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def encode_text(text: str) -> bytes:
    """A text as UTF-8 JSON, as `encode_json` writes it; a whole encoder for one text costs five times as much."""
    try:
        return encode_basestring(text).encode()
    except UnicodeEncodeError:
        return encode_basestring_ascii(text).encode("ascii")


def encode_json(value: JsonObject) -> bytes:
    """Compact UTF-8 JSON; a lone surrogate, which no encoding can carry, is escaped."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(value).encode("ascii")
