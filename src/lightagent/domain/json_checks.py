"""The test whether a value is what JSON, and so a journal, can carry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from typing_extensions import TypeIs

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import is_sequence
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_DEPTH: Final = 64
"""Levels of lists and objects in a value that a caller hands in; a journal adds some of its own around it."""


MOST_BITS: Final = 14_000
"""Of an integer; Python reads and writes 4,300 digits unless a program says otherwise."""
_MOST_PLACE: Final = 300
_PLAIN: Final = "Use text, numbers, True, False, None, lists and dictionaries."


_HALF: Final = re.compile("[\ud800-\udfff]")
"""In a text it is kept as an escape; in a name pydantic, which writes the journal, would replace it."""


def require_json(value: object, at: str, *, most_depth: int = MOST_DEPTH) -> None:
    """Raise unless the value is plain JSON, made of dict, list (or tuple), str, int, float, bool and None.

    Raises:
        ConfigurationError: it holds another type, a key that is not whole text, a number that is not finite or has
            too many digits, or is nested too deep (as a value that holds itself is); the text names the place, which
            begins with `at`.
    """
    if isinstance(value, (dict, list, tuple)):
        _check_depth(at, most_depth)
        for place, child in _children(value, at):
            require_json(child, f"{at}{place}", most_depth=most_depth - 1)
    else:
        _scalar(value, at)


def _check_depth(at: str, most_depth: int) -> None:
    if most_depth <= 0:
        raise _no_json(at, "it is nested too deep")


def _scalar(value: object, at: str) -> str | int | float | None:
    """A value that holds no others."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _no_json(at, "the number has more digits than Python reads")
    if isinstance(value, float) and not math.isfinite(value):
        raise _no_json(at, f"{value} is not a JSON number")
    if value is not None and not isinstance(value, (str, int, float)):
        raise _no_json(at, f"a {type(value).__name__} is not a JSON value", _PLAIN)
    return value


def _children(value: dict[object, object] | list[object] | tuple[object, ...], at: str) -> Iterator[tuple[str, object]]:
    """What a container holds, each with its place in it; texts are left out, since any is JSON."""
    if isinstance(value, dict):
        yield from ((f".{name:.50}", child) for name, child in _members(value, at) if type(child) is not str)
    else:
        yield from ((f"[{place}]", child) for place, child in enumerate(value) if type(child) is not str)


def _members(value: Mapping[object, object], at: str) -> Iterator[tuple[str, object]]:
    """What an object holds, each with its name."""
    for name, child in value.items():
        if not isinstance(name, str):
            raise _no_json(at, f"the key {name!r:.50} must be text")
        if not name.isascii() and _HALF.search(name):
            raise _no_json(at, f"the key {name!r:.50} holds half a surrogate pair")
        yield name, child


def to_json(value: object, at: str, *, most_depth: int = MOST_DEPTH) -> JsonValue:
    """A checked copy of what a caller hands in: any mapping becomes a dictionary, and any sequence but text a list.

    Raises:
        ConfigurationError: as for `require_json`; bytes are refused too.
    """
    if isinstance(value, (dict, Mapping)):
        _check_depth(at, most_depth)
        return {
            name: child if type(child) is str else to_json(child, f"{at}.{name:.50}", most_depth=most_depth - 1)
            for name, child in _members(value, at)
        }
    if is_sequence(value):
        _check_depth(at, most_depth)
        return [
            child if type(child) is str else to_json(child, f"{at}[{place}]", most_depth=most_depth - 1)
            for place, child in enumerate(value)
        ]
    return _scalar(value, at)


def is_too_deep(value: object, most_depth: int = MOST_DEPTH) -> bool:
    """Whether a value, which may hold what is no JSON, is nested too deep, as one that holds itself is."""
    if isinstance(value, (dict, Mapping)):
        return not most_depth or any(is_too_deep(one, most_depth - 1) for one in value.values())
    return is_sequence(value) and (not most_depth or any(is_too_deep(one, most_depth - 1) for one in value))


def is_json_object(value: object, at: str) -> TypeIs[JsonObject]:
    """Whether the value is an object of plain JSON; raises as `require_json` does where it holds something else."""
    require_json(value, at)
    return isinstance(value, dict)


def to_json_object(value: object, at: str) -> JsonObject:
    """A checked copy of an object that a caller hands in: any mapping; see `to_json`.

    Raises:
        ConfigurationError: it is not an object of plain JSON.
    """
    copied = to_json(value, at)
    if not isinstance(copied, dict):
        raise _no_json(at, f"an object is expected, got {type(value).__name__}")
    return copied


def equals_json(value: object, wanted: JsonValue) -> bool:
    """Whether any object equals this JSON value: True is not 1, while 1 and 1.0 are the same number."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, dict):
        if not isinstance(value, Mapping) or value.keys() != wanted.keys():
            return False
        return all(equals_json(value[name], one) for name, one in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(value, (list, tuple)) or len(value) != len(wanted):
            return False
        return all(equals_json(one, other) for one, other in zip(value, wanted, strict=True))
    return (value is None or isinstance(value, (str, int, float))) and value == wanted


def _no_json(at: str, problem: str, remedy: str = "") -> ConfigurationError:
    # A value that is nested too deep has a very long place.
    place = at if len(at) <= _MOST_PLACE else f"{at[:_MOST_PLACE]}…"
    return ConfigurationError(f"{place}: this is not plain JSON: {problem}.", guidance=remedy)
