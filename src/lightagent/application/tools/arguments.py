"""Parse the text of a tool call's arguments strictly: nothing that a model sends is guessed or repaired."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.application.tools.argument_errors import given, refused
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_CHARACTERS = 1_000_000
MOST_DEPTH = 64
MOST_DIGITS = 1_000

_REMEDY = 'Send one JSON object, such as {"name": "value"}.'


def parse_arguments(text: str) -> JsonObject:
    """Parse the arguments in `text`; null and an empty text count as no arguments.

    Raises:
        ToolError: LA-JSON if it is not JSON (NaN and Infinity are not). LA-TOOL if it is not an object, has a name
            twice, a number that is too large, or a lone surrogate, or is too long or nested too deep.
    """
    if len(text) > MOST_CHARACTERS:
        raise refused(f"The arguments are {len(text):,} characters long; at most {MOST_CHARACTERS:,} are accepted.")
    if not text or text.isspace():
        return {}
    value = _decode(text)
    if value is None or (isinstance(value, str) and not value.strip()):
        return {}
    if not isinstance(value, dict):
        raise refused(f"The arguments must be a JSON object, but are {given(value)}.", _REMEDY)
    # Without an escape there can be no surrogate: this covers most texts.
    if not text.isascii() or "\\u" in text:
        _refuse_surrogates(value)
    return value


def dump_arguments(arguments: Mapping[str, object]) -> str:
    """Return arguments as JSON text, for those that did not come through `parse_arguments`.

    Raises:
        ToolError: LA-TOOL if they are not plain JSON.
    """
    try:
        return json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise refused(f"The arguments are not plain JSON: {type(exc).__name__}: {exc}.") from exc


def _decode(text: str) -> JsonValue:
    try:
        return read_json(text, most_depth=MOST_DEPTH, most_digits=MOST_DIGITS)
    except NotStrictJsonError as exc:
        # A single problem gets its own remedy; for several, an example helps more.
        sentence = f"The arguments {'hold' if exc.held else 'are'} {exc.problem}"
        if exc.remedy:
            sentence = f"{sentence}; {exc.remedy}"
        broken = not exc.is_json
        hint = _REMEDY if broken and not exc.held else ""
        raise refused(f"{sentence}.", hint, code="LA-JSON" if broken else "LA-TOOL") from exc


def _refuse_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        bad = exc.object[exc.start]
        raise refused(f"The arguments hold the lone surrogate \\u{ord(bad):04x}; send whole characters.") from exc
