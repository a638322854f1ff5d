"""What a function gave for the values that it was called with last, so that it need not work it out for each run.

A value is found by its identity: to hash or compare one with a thousand steps costs as much as the work. So it is for
values that never change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")

MOST: Final = 16
"""Values that are remembered, each with its result, until others have taken their place."""


class LastResults(Generic[ValueT, ResultT]):
    """Calls a function once for a value. Serves any number of threads; two at once may both call it.

    Args:
        function: gives the same for a value each time.
    """

    __slots__ = ("_function", "_known")

    def __init__(self, function: Callable[[ValueT], ResultT]) -> None:
        self._function = function
        self._known: dict[int, tuple[ValueT, ResultT]] = {}

    def __call__(self, value: ValueT) -> ResultT:
        known = self._known.get(id(value))
        if known is not None:  # The value is kept, so no other one has its identity.
            return known[1]
        result = self._function(value)
        for oldest in list(self._known)[: 1 - MOST]:
            self._known.pop(oldest, None)
        self._known[id(value)] = value, result
        return result
