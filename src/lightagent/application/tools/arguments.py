"""Read the arguments of a tool call strictly, and word what is wrong with them for the model that sent them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, pairwise
from typing import TypeAlias

from lightagent.application.strict_json import NotStrictJsonError, read_json
from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ToolError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.selection import SEARCH_TOOL

Check: TypeAlias = Callable[[JsonObject], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class CompiledTool:
    """What is needed to offer and call a tool.

    Attributes:
        description: the tool's purpose.
        parameters: the JSON Schema of the arguments.
        check: returns the function's named arguments, or raises `ToolError`.
        context: the names of the parameters that receive the `RunContext`.
    """

    description: str
    parameters: JsonObject
    check: Check
    context: frozenset[str]


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


MOST_BYTES = 1_900
"""The maximum size of an error message. With its code and call id it stays below 2 kB."""

_MOST_PROBLEMS = 8
_MOST_NAMES = 20
_MOST_LOOKED_AT = 10_000
_MOST_AKIN = 500
_MOST_COMPARED = 100
_SIMILAR = 0.6


def bad_arguments(problems: Iterable[str], known: str = "") -> ToolError:
    """Return the error for `problems` in the arguments of one call; `known` describes what the tool takes."""
    listed = list(dict.fromkeys(problems))
    shown_ones = "; ".join(clip(problem, 240) for problem in listed[:_MOST_PROBLEMS])
    more = f"; and {len(listed) - _MOST_PROBLEMS} more" if len(listed) > _MOST_PROBLEMS else ""
    return refused(f"The arguments do not fit: {shown_ones}{more}.", known)


def refused(message: str, hint: str = "", *, code: ErrorCode = "LA-TOOL") -> ToolError:
    """Return a `ToolError` with this text and no default guidance, cut to `MOST_BYTES` and always valid UTF-8."""
    text = f"{message} {hint}" if hint else message
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > MOST_BYTES:
        encoded = encoded[: MOST_BYTES - 3]
        return ToolError(encoded.decode("utf-8", "ignore") + "…", code=code, guidance="")
    return ToolError(encoded.decode("utf-8"), code=code, guidance="")


def unknown_tool(name: str, names: Collection[str]) -> ToolError:
    """Return the error for a call of a tool that is not offered.

    Args:
        names: the offered tools, in any number. If there are more tools to find, one of these is the search tool.
    """
    return unknown_name("tool", name, names, f" Search for others with {SEARCH_TOOL}." if SEARCH_TOOL in names else "")


def unknown_name(kind: str, name: str, names: Collection[str], more_hint: str = "") -> ToolError:
    """Return the error for an unknown name of any kind; `kind` says what it should name."""
    meant = _nearest(clip(name, 80), names)
    hint = f"Did you mean {quoted(meant)}? " if meant else ""
    listed = ", ".join(clip(one, 64) for one in islice(names, _MOST_NAMES)) or "none"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return refused(f"There is no {kind} {quoted(name)}.", f"{hint}{kind.capitalize()}s: {listed}{more}.{more_hint}")


def _nearest(name: str, names: Collection[str]) -> str:
    """Return the name that was probably meant, or an empty string.

    Comparing two names exactly takes 0.1 ms. Candidates are therefore narrowed down first by length, then by common
    letters, then by common pairs of letters.
    """
    shortest, longest = len(name) * _SIMILAR / (2 - _SIMILAR), len(name) * (2 - _SIMILAR) / _SIMILAR
    possible = (one for one in islice(names, _MOST_LOOKED_AT) if shortest <= len(one) <= longest)
    letters, pairs = set(name), set(pairwise(name))
    akin = nlargest(_MOST_AKIN, possible, key=lambda one: len(letters.intersection(one)))
    candidates = nlargest(_MOST_COMPARED, akin, key=lambda one: len(pairs.intersection(pairwise(one))))
    return next(iter(get_close_matches(name, candidates, n=1, cutoff=_SIMILAR)), "")


def missing(name: str, wanted: str = "") -> str:
    """Return the problem of a missing required argument."""
    return f"{quoted(name)} is missing" + (f" ({wanted})" if wanted else "")


def unknown(name: str, known: Collection[str], within: str = "") -> str:
    """Return the problem of an unknown argument, with the name that was probably meant."""
    meant = get_close_matches(clip(name, 80), known, n=1, cutoff=0.5)
    where = f" in {within}" if within else ""
    return f"{quoted(name)} is unknown{where}" + (f" (did you mean {quoted(meant[0])}?)" if meant else "")


def takes(names: Sequence[str], required: Collection[str]) -> str:
    """Describe the arguments of a tool in one sentence."""
    if not names:
        return "The tool takes no arguments."
    listed = [f"{quoted(name)} (required)" if name in required else quoted(name) for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"It takes {', '.join(listed)}{more}."


def given(value: object) -> str:
    """Return the given value with its JSON type, shortened."""
    match value:
        case None | bool():
            return as_json(value)
        case str():
            return f"the string {as_json(value[:80])}" + ("…" if len(value) > 80 else "")
        case int() | float():
            return f"the number {as_json(value)}"
        case list() | tuple():
            return f"the list {as_json(value)}"
        case dict():
            return f"the object {as_json(value)}"
        case _:
            return f"a {type(value).__name__}"


def path_text(path: Iterable[str | int]) -> str:
    """Format a path: ``("items", 0, "name")`` → ``items[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return clip(text, 120)


def quoted(name: str) -> str:
    """Return a name in quotes, shortened."""
    return f"'{clip(name, 80)}'"


def clip(text: str, limit: int) -> str:
    """Return `text` cut to `limit` characters, with an ellipsis if it was longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_json(value: object) -> str:
    """Return a value as JSON, shortened."""
    try:
        return clip(json.dumps(value, ensure_ascii=False), 80)
    except (TypeError, ValueError, RecursionError):
        return f"({type(value).__name__})"
