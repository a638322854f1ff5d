"""Whether what a program says of an MCP server can be meant: a wrong value is an error where it is written.

Types alone do not tell it: a text is a collection of texts as well, so that the name of one tool would allow every tool
whose name is a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from lightagent.domain.errors import ConfigurationError


def check_text(what: str, value: object, *, may_be_empty: bool = False) -> None:
    """Raise unless it is a text."""
    if not isinstance(value, str) or not (value or may_be_empty):
        raise _wrong(what, value, "a text")


def check_texts(what: str, value: object) -> None:
    """Raise unless it is a list of texts, which are not shown: an argument may be secret."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or not _are_texts(value):
        raise ConfigurationError(f"{what} must be a list of texts, got a {type(value).__name__}.", guidance="")


def check_mapping(what: str, value: object) -> None:
    """Raise unless it maps texts to texts; the values, which may be secret, are not shown."""
    if not isinstance(value, Mapping) or not _are_texts([*value, *value.values()]):
        raise ConfigurationError(f"{what} must be texts by name.", guidance="")


def check_seconds(what: str, value: object) -> None:
    """Raise unless it is a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _wrong(what, value, "a number of seconds above 0")


def check_count(what: str, value: object) -> None:
    """Raise unless something can be counted with it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(what, value, "a whole number above 0")


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _wrong(what: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{what} must be {wanted}, got {value!r:.100}.", guidance="")
