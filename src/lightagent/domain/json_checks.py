"""The test whether a value is what JSON, and so a journal, can carry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from typing_extensions import TypeIs

from lightagent.domain.errors import ConfigurationError
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
        if most_depth <= 0:
            raise _no_json(at, "it is nested too deep")
        for place, child in _children(value, at):
            require_json(child, f"{at}{place}", most_depth=most_depth - 1)
    elif isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise _no_json(at, "the number has more digits than Python reads")
    elif isinstance(value, float) and not math.isfinite(value):
        raise _no_json(at, f"{value} is not a JSON number")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise _no_json(at, f"a {type(value).__name__} is not a JSON value", _PLAIN)


def _children(value: dict[object, object] | list[object] | tuple[object, ...], at: str) -> Iterator[tuple[str, object]]:
    """What a container holds, each with its place in it; texts are left out, since any is JSON."""
    if isinstance(value, dict):
        for name, child in value.items():
            if not isinstance(name, str):
                raise _no_json(at, f"the key {name!r:.50} must be text")
            if not name.isascii() and _HALF.search(name):
                raise _no_json(at, f"the key {name!r:.50} holds half a surrogate pair")
            if type(child) is not str:
                yield f".{name:.50}", child
    else:
        yield from ((f"[{place}]", child) for place, child in enumerate(value) if type(child) is not str)


def is_json_object(value: object, at: str) -> TypeIs[JsonObject]:
    """Whether the value is an object of plain JSON; raises as `require_json` does where it holds something else."""
    require_json(value, at)
    return isinstance(value, dict)


def to_json_object(value: object, at: str) -> JsonObject:
    """A checked copy of an object that a caller hands in; tuples become lists.

    Raises:
        ConfigurationError: it is not an object of plain JSON.
    """
    if not is_json_object(value, at):
        raise _no_json(at, f"an object is expected, got {type(value).__name__}")
    return {name: _copied(child) for name, child in value.items()}


def equals_json(value: object, wanted: JsonValue) -> bool:
    """Whether a value of anybody's is this one: True is not 1, while 1 and 1.0 are one number."""
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


def _copied(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _copied(child) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(child) for child in value]
    return value


def _no_json(at: str, problem: str, remedy: str = "") -> ConfigurationError:
    # A value that is nested too deep has a very long place.
    place = at if len(at) <= _MOST_PLACE else f"{at[:_MOST_PLACE]}…"
    return ConfigurationError(f"{place}: this is not plain JSON: {problem}.", guidance=remedy)
