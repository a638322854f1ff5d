"""JSON as bytes, as requests hold it: compact, in UTF-8."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Final

from lightagent.domain.json_types import JsonValue

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode_text(text: str) -> bytes:
    """A text as UTF-8 JSON, as `encode_json` writes it; a whole encoder for one text costs five times as much."""
    try:
        return encode_basestring(text).encode()
    except UnicodeEncodeError:
        return encode_basestring(whole_characters(text)).encode()


def encode_json(value: JsonValue) -> bytes:
    """Compact UTF-8 JSON; half a character, which several providers refuse even as an escape, is U+FFFD."""
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        return whole_characters(_ENCODER.encode(value)).encode()


def whole_characters(text: str) -> str:
    """`text` with the two halves of a character as one, and U+FFFD in the place of a half that stands alone."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_json(value: JsonValue) -> JsonValue:
    """The same for every text in `value`."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, dict):
        return {whole_characters(name): whole_json(one) for name, one in value.items()}
    return [whole_json(one) for one in value] if isinstance(value, list) else value
