"""Error messages about a tool's arguments: short, precise, and written for the model that must correct them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, pairwise

from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ToolError
from lightagent.domain.tools.selection import SEARCH_TOOL

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
