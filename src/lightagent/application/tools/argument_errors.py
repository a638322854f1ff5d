"""Error texts for a tool's arguments: short, precise, and meant for the model that must correct itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, pairwise

from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ToolError
from lightagent.domain.tool_selection import SEARCH_TOOL

MOST_BYTES = 1_900
"""The limit of an error text. With its code and call id it stays below 2 kB."""

_MOST_PROBLEMS = 8
_MOST_NAMES = 20
_MOST_LOOKED_AT = 10_000
_MOST_AKIN = 500
_MOST_COMPARED = 100
_SIMILAR = 0.6


def bad_arguments(problems: Iterable[str], known: str = "") -> ToolError:
    """The error for the `problems` found in the arguments of one call; `known` says what the tool takes."""
    listed = list(dict.fromkeys(problems))
    shown_ones = "; ".join(clip(problem, 240) for problem in listed[:_MOST_PROBLEMS])
    more = f"; and {len(listed) - _MOST_PROBLEMS} more" if len(listed) > _MOST_PROBLEMS else ""
    return refused(f"The arguments do not fit: {shown_ones}{more}.", known)


def refused(message: str, hint: str = "", *, code: ErrorCode = "LA-TOOL") -> ToolError:
    """A `ToolError` with this text and no standard guidance, cut to `MOST_BYTES` and always valid UTF-8."""
    text = f"{message} {hint}" if hint else message
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > MOST_BYTES:
        encoded = encoded[: MOST_BYTES - 3]
        return ToolError(encoded.decode("utf-8", "ignore") + "…", code=code, guidance="")
    return ToolError(encoded.decode("utf-8"), code=code, guidance="")


def unknown_tool(name: str, names: Collection[str]) -> ToolError:
    """The error for a call of a tool that is not offered.

    Args:
        names: of the tools that are, of any number. Where there may be others, one of them searches for these.
    """
    return unknown_name("tool", name, names, f" Search for others with {SEARCH_TOOL}." if SEARCH_TOOL in names else "")


def unknown_name(kind: str, name: str, names: Collection[str], more_hint: str = "") -> ToolError:
    """The same for something else that a model calls by name; `kind` names it."""
    meant = _nearest(clip(name, 80), names)
    hint = f"Did you mean {quoted(meant)}? " if meant else ""
    listed = ", ".join(clip(one, 64) for one in islice(names, _MOST_NAMES)) or "none"
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return refused(f"There is no {kind} {quoted(name)}.", f"{hint}{kind.capitalize()}s: {listed}{more}.{more_hint}")


def _nearest(name: str, names: Collection[str]) -> str:
    """The name that was probably meant, or an empty text.

    A real comparison takes a tenth of a millisecond. It is made only for those names that share most pairs of letters
    with `name`, of those that share most letters with it and could be similar by their length.
    """
    shortest, longest = len(name) * _SIMILAR / (2 - _SIMILAR), len(name) * (2 - _SIMILAR) / _SIMILAR
    possible = (one for one in islice(names, _MOST_LOOKED_AT) if shortest <= len(one) <= longest)
    letters, pairs = set(name), set(pairwise(name))
    akin = nlargest(_MOST_AKIN, possible, key=lambda one: len(letters.intersection(one)))
    candidates = nlargest(_MOST_COMPARED, akin, key=lambda one: len(pairs.intersection(pairwise(one))))
    return next(iter(get_close_matches(name, candidates, n=1, cutoff=_SIMILAR)), "")


def missing(name: str, wanted: str = "") -> str:
    """The problem that a required argument is missing."""
    return f"{quoted(name)} is missing" + (f" ({wanted})" if wanted else "")


def unknown(name: str, known: Collection[str], within: str = "") -> str:
    """The problem that an argument has an unknown name, with the name that was probably meant."""
    meant = get_close_matches(clip(name, 80), known, n=1, cutoff=0.5)
    where = f" in {within}" if within else ""
    return f"{quoted(name)} is unknown{where}" + (f" (did you mean {quoted(meant[0])}?)" if meant else "")


def takes(names: Sequence[str], required: Collection[str]) -> str:
    """The arguments of a tool, in one sentence."""
    if not names:
        return "The tool takes no arguments."
    listed = [f"{quoted(name)} (required)" if name in required else quoted(name) for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"It takes {', '.join(listed)}{more}."


def given(value: object) -> str:
    """The given value, with its JSON type, shortened."""
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
    """``("items", 0, "name")`` → ``items[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return clip(text, 120)


def quoted(name: str) -> str:
    """A name between quotes, shortened."""
    return f"'{clip(name, 80)}'"


def clip(text: str, limit: int) -> str:
    """`text`, cut to `limit` characters; an ellipsis marks the cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_json(value: object) -> str:
    """A value as JSON, shortened."""
    try:
        return clip(json.dumps(value, ensure_ascii=False), 80)
    except (TypeError, ValueError, RecursionError):
        return f"({type(value).__name__})"
