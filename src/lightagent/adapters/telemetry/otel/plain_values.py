"""Names, ids and numbers as every backend takes them.

Much of what attributes hold was said by a model, a provider, a server of tools or a caller. Half a surrogate pair in a
name would cost the SDK the whole batch of spans in which it stands, a number of more than 64 bits its attribute and a
traceback in the log, and an id of ten megabytes the memory of the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from lightagent.domain.secrets.forms import mask_forms
from lightagent.domain.secrets.masking import MASK
from lightagent.domain.telemetry.cuts import IDENTIFIER, LongText, fitted_name, fitted_text, shown_characters

Value: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = dict[str, Value]

_MOST: Final = 2**63
"""Numbers of OTLP are smaller."""

_DESCRIPTION: Final = 1_000
_READ: Final = 4_000
"""Characters of a description that are shown, and that are read, so that no secret is shown in part."""

_MOST_TEXTS: Final = 64
"""Texts of one list."""

_remembered: Final = lru_cache(maxsize=1_024)(fitted_name)


def plain_name(text: str) -> str:
    """An id or a name: cut where it is longer than any name, without tokens of well-known services."""
    return _remembered(text) if len(text) <= IDENTIFIER else fitted_name(text)


def plain_id(text: str) -> str:
    """The same of an id that does not come again: it is not remembered, since names would give way to it."""
    return fitted_name(text)


def plain_attributes(attributes: Mapping[str, Value]) -> Attributes:
    """Attributes without what no backend takes; each text is a name or an id, as `plain_name` has it."""
    made: Attributes = {}
    for name, value in attributes.items():
        if isinstance(value, str):
            made[name] = _remembered(value) if len(value) <= IDENTIFIER else fitted_name(value)
        elif isinstance(value, int):
            if -_MOST <= value < _MOST:
                made[name] = value
        elif isinstance(value, float):
            made[name] = value
        else:
            made[name] = tuple(map(plain_name, value[:_MOST_TEXTS]))
    return made


@lru_cache(maxsize=256)
def plain_description(text: str) -> str:
    """What a tool says of itself: its beginning, without what looks like a secret."""
    read = mask_forms(shown_characters(text[:_READ]), MASK)
    return fitted_text(LongText(read, max(0, len(text) - _READ)), _DESCRIPTION)
