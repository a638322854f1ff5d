"""Convert any value to plain JSON within a budget: of a large value, only what will be shown is converted."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import Enum
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from lightagent.domain.json_types import JsonValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_MOST_DEPTH = 64
# Python refuses to write longer integers in decimal.
_MOST_BITS = 10_000
# The least that an element adds to a text: itself, a comma, a space.
_ELEMENT = 3


class PlainJson:
    """One conversion.

    Non-finite numbers become null, binary data a note of its size, keys text, and objects what pydantic serializes them
    to, or else their `str`.

    Args:
        budget: the number of characters worth converting.
    """

    def __init__(self, budget: int) -> None:
        self._left = budget

    @property
    def incomplete(self) -> bool:
        """Whether something was left out because the budget was used up."""
        return self._left < 0

    def convert(self, value: object, depth: int = 0) -> JsonValue:
        """Return `value` as plain JSON, as far as the budget allows."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float):
            return _number(value)
        if depth > _MOST_DEPTH:
            return "(nested too deep)"
        if isinstance(value, Mapping):
            return {_key(key): self.convert(child, depth + 1) for key, child in self._within(value.items())}
        if is_list(value):
            return [self.convert(child, depth + 1) for child in self._within(value)]
        return self._object(value, depth)

    def _text(self, value: str) -> str:
        allowed = max(0, self._left)
        self._left -= len(value)
        return value[:allowed]

    def _within(self, children: Iterable[T]) -> Iterator[T]:
        for child in children:
            self._left -= _ELEMENT
            if self._left < 0:
                return
            yield child

    def _object(self, value: object, depth: int) -> JsonValue:
        if isinstance(value, bytes | bytearray | memoryview):
            return f"({len(value):,} bytes of binary data)"
        if isinstance(value, Enum):
            return self.convert(value.value, depth + 1)
        if dataclasses.is_dataclass(value) and not is_pydantic(value) and not isinstance(value, type):
            fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            return {name: self.convert(child, depth + 1) for name, child in self._within(fields)}
        return self.convert(_by_pydantic(value), depth + 1)


def is_list(value: object) -> TypeGuard[Sequence[object] | Set[object]]:
    """Whether the value becomes a JSON array."""
    return isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray | memoryview)


def is_pydantic(value: object) -> bool:
    """Whether pydantic serializes values of this type itself."""
    return hasattr(type(value), "__pydantic_serializer__")


def _number(value: float) -> JsonValue:
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MOST_BITS else hex(value)
    return float(value) if math.isfinite(value) else None


def _key(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if key is None or isinstance(key, bool):
        return {None: "null", False: "false", True: "true"}[key]
    # Journals cannot store a key with a lone surrogate.
    return str(key).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _by_pydantic(value: object) -> object:
    """Return plain data for types that pydantic knows (models, dates, identifiers, paths …), otherwise the text."""
    plain: object = _adapter().dump_python(value, mode="json", fallback=str, warnings="none")
    return plain


@functools.cache
def _adapter() -> TypeAdapter[object]:
    from pydantic import TypeAdapter

    return TypeAdapter(object)
