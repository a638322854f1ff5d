"""JSON as types: what crosses a wire or rests in a journal is always one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
    """Any JSON value."""
else:
    # A recursive type has to have a name at run time, where a validator unfolds it.
    JsonValue = TypeAliasType("JsonValue", "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None")

JsonObject: TypeAlias = dict[str, JsonValue]
"""A JSON object: what tools take, schemas are and events become."""
