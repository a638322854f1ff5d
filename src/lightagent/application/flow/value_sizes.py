"""Refuses values that are too large to be kept, naming step, field and size."""

from __future__ import annotations

import json
from typing import Final

from lightagent.domain.errors import OutputError
from lightagent.domain.json_types import JsonValue

_MOST_OF_ONE: Final = 12
"""Bytes of one character as JSON, at most."""


class TooLarge(OutputError):
    """A value is larger than a run keeps. The attempt is not retried: the next one would give the same."""


def check_size(value: JsonValue, most: int, step: str, field: str) -> None:
    """Raise unless a value can be kept.

    Args:
        most: bytes that it may have, as JSON.
        step: the path of the step; empty for the run itself.
        field: what of it, such as `output`.

    Raises:
        TooLarge: it cannot; the text names step, field and size.
    """
    rough = len(value) + 2 if type(value) is str else _rough_size(value, most // _MOST_OF_ONE)
    if rough * _MOST_OF_ONE <= most:
        return
    size = len(json.dumps(value, separators=(",", ":")))
    if size > most:
        where = f"of the step {step!r:.200}" if step else "of the run"
        raise TooLarge(
            f"The {field} {where} has {size:,} bytes, and {most:,} can be kept.",
            guidance="Keep it in a file (context.artifact) or elsewhere, and give its name; or raise limits.max_value.",
            details={"step": step, "field": field, "size": size},
        )


def _rough_size(value: JsonValue, enough: int) -> int:
    """An estimate of a value's size: the characters of its texts, and a few for anything else; stops at the limit."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, dict):
        total = 2
        for name, one in value.items():
            total += len(name) + 4 + _rough_size(one, enough - total)
            if total > enough:
                break
        return total
    if isinstance(value, (list, tuple)):
        total = 2
        for one in value:
            total += 1 + _rough_size(one, enough - total)
            if total > enough:
                break
        return total
    return 24 if isinstance(value, float) else max(5, value.bit_length() // 3 + 2) if isinstance(value, int) else 4
