"""Entries whose texts are built on first use: a store in memory keeps many that are never read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

from lightagent.domain.journals.streams import Draft

ValueT = TypeVar("ValueT")


class LaterDrafts(Sequence[Draft], Generic[ValueT]):
    """A sequence of drafts, as any store takes them.

    Args:
        values: what they are made of, one each, and none of which changes any more.
        make: the draft of one; it gives the same each time, and a content that a store can keep.
    """

    __slots__ = ("_made", "_make", "_values")

    def __init__(self, values: Sequence[ValueT], make: Callable[[ValueT], Draft]) -> None:
        self._values = values
        self._make = make
        self._made: list[Draft] | None = None

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, place: int) -> Draft: ...

    @overload
    def __getitem__(self, place: slice[int | None, int | None, int | None]) -> Sequence[Draft]: ...

    def __getitem__(self, place: int | slice[int | None, int | None, int | None]) -> Draft | Sequence[Draft]:
        return self._all()[place]

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._all())

    def _all(self) -> Sequence[Draft]:
        if self._made is None:
            self._made = [self._make(value) for value in self._values]
        return self._made
