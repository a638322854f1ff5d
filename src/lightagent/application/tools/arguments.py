"""Reads the text of a tool call's arguments, strictly: what a model sends is never guessed at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from json import JSONDecodeError, JSONDecoder

from lightagent.application.tools.argument_errors import given, quoted, refused
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_CHARACTERS = 1_000_000
MOST_DEPTH = 64
MOST_DIGITS = 1_000
"""Of one integer. Turning digits into a number costs the square of their count, so it is checked before."""

_REMEDY = 'Send one JSON object, such as {"name": "value"}.'


def parse_arguments(text: str) -> JsonObject:
    """The arguments in `text`; nothing at all counts as no arguments.

    Raises:
        ToolError: LA-JSON where it is no JSON (NaN and Infinity are none). LA-TOOL where it is no object, has a name
            twice, a number that is too large, or a lone surrogate, or is too long or nested too deep.
    """
    if len(text) > MOST_CHARACTERS:
        raise refused(f"The arguments are {len(text):,} characters long; at most {MOST_CHARACTERS:,} are accepted.")
    if not text or text.isspace():
        return {}
    value = _decode(text)
    if not isinstance(value, dict):
        raise refused(f"The arguments must be a JSON object, but are {given(value)}.", _REMEDY)
    # What has few brackets cannot be deep, and what has no escapes hides no surrogate: most texts end here.
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _refuse_depth(value)
    if not text.isascii() or "\\u" in text:
        _refuse_surrogates(value)
    return value


def dump_arguments(arguments: Mapping[str, object]) -> str:
    """Arguments as JSON text, for those that did not come through `parse_arguments`.

    Raises:
        ToolError: LA-TOOL where they are no plain JSON.
    """
    try:
        return json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise refused(f"The arguments are no plain JSON: {type(exc).__name__}: {exc}.") from exc


def _decode(text: str) -> JsonValue:
    try:
        value: JsonValue = _DECODER.decode(text)
    except JSONDecodeError as exc:
        near = text[max(0, exc.pos - 20) : exc.pos + 20]
        reason = exc.msg.removesuffix(" at")  # As some of Python's own sentences end.
        place = f"line {exc.lineno}, column {exc.colno}"
        raise refused(
            f"The arguments are not JSON: {reason} at {place}, near {near!r}.", _REMEDY, code="LA-JSON"
        ) from exc
    except RecursionError as exc:
        raise _too_deep() from exc
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise refused(f"The arguments hold the name {quoted(name)} twice in one object; send it once.")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise refused(f"The arguments hold an integer of {len(digits):,} digits; at most {MOST_DIGITS:,} are accepted.")
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise refused(f"The arguments hold the number {text[:40]}, which is too large.")
    return number


def _constant(name: str) -> JsonValue:
    raise refused(f"The arguments hold {name}, which is not JSON; send a finite number or null.", code="LA-JSON")


def _refuse_depth(value: JsonValue) -> None:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > MOST_DEPTH:
            raise _too_deep()
        level = [child for parent in level for child in _children(parent)]


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        bad = exc.object[exc.start]
        raise refused(f"The arguments hold the lone surrogate \\u{ord(bad):04x}; send whole characters.") from exc


def _too_deep() -> ToolError:
    return refused(f"The arguments are nested more than {MOST_DEPTH} levels deep; send flatter ones.")


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
