"""JSON as types: what crosses a wire or rests in a journal is always a `JsonValue`; callers hand in a `JsonInput`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
    """Any JSON value."""

    JsonInput: TypeAlias = "str | int | float | bool | Sequence[JsonInput] | Mapping[str, JsonInput] | None"
    """What a caller hands in as JSON: it is only read, so any sequences and mappings will do.

    A text is never taken as a sequence of letters, and bytes, which are one of numbers, are refused.
    """
else:
    # A recursive type has to have a name at run time, where a validator unfolds it.
    JsonValue = TypeAliasType("JsonValue", "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None")
    JsonInput = TypeAliasType(
        "JsonInput", "str | int | float | bool | Sequence[JsonInput] | Mapping[str, JsonInput] | None"
    )

JsonObject: TypeAlias = dict[str, JsonValue]
"""A JSON object: what tools take, schemas are and events become."""
