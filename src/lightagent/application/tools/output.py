"""Convert a tool's result to text for the model; long results are truncated before they cost time or memory."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from enum import Enum

from lightagent.application.tools.arguments import refused
from lightagent.application.tools.plain_json import PlainJson, is_list, is_pydantic
from lightagent.domain.json_bytes import whole_characters

NOTHING = "The tool finished and returned nothing."


def render_output(value: object, limit: int) -> str:
    """Return `value` as text of at most `limit` characters, followed by a note of how many are missing.

    ``None`` becomes a fixed sentence, text stays unchanged, collections, dataclasses, pydantic models, numbers and
    booleans become JSON (a number that is not finite: null), anything else is converted by `str`.

    Raises:
        ToolError: the value is binary.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bytes | bytearray | memoryview):
        raise refused(f"The tool returned {len(value):,} bytes of binary data, which cannot be shown as text.")
    if isinstance(value, str):
        return _cut(value, limit)
    if not _is_structured(value):
        return _cut(str(value), limit)
    # Twice the limit is enough to know that the result exceeds the limit, in any notation.
    plain = PlainJson(limit * 2 + 1_000)
    text = json.dumps(plain.convert(value), ensure_ascii=False)
    return _cut(text, limit, incomplete=plain.incomplete)


def _cut(text: str, limit: int, *, incomplete: bool = False) -> str:
    kept = whole_characters(text[:limit])
    missing = len(text) - limit
    if missing <= 0:
        return kept
    at_least = "at least " if incomplete else ""
    return f"{kept}\n[Cut after {limit:,} characters; {at_least}{missing:,} more were left out.]"


def _is_structured(value: object) -> bool:
    return (
        isinstance(value, bool | int | float | Mapping | Enum)
        or is_list(value)
        or is_pydantic(value)
        or (dataclasses.is_dataclass(value) and not isinstance(value, type))
    )
