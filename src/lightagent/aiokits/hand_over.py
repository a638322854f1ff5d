"""A coroutine that hands items to a consumer from any depth of its awaits.

An async generator can yield only from its own body, so a long procedure would be a tower of generators that pass items
on. Here one coroutine awaits `HandOver.give(item)` wherever it has something, and `HandOver.items(…)` is the
async iterator of these items. The coroutine runs in the consumer's own task, and goes on when the next item is asked
for.
"""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class _ConsumerLeft(BaseException):
    """Thrown into the coroutine when its consumer stops early.

    Not `GeneratorExit`, after which a coroutine may not await anything, so that it could not clean up.
    """


class _Ended(Exception):
    """The coroutine has returned."""


class HandOver(Generic[T]):
    """The connection of one coroutine to its consumer."""

    __slots__ = ("_item",)
    _item: T

    @types.coroutine
    def give(self, item: T) -> Generator[object, object, None]:
        """Hand one item to the consumer; returns once it asks for the next."""
        self._item = item
        yield self

    async def items(self, begin: Callable[[], Coroutine[object, object, object]]) -> AsyncGenerator[T, None]:
        """Yield the items that the coroutine of `begin` hands over; its exceptions are raised here.

        The coroutine starts with the first item. Closing the iterator early lets it clean up, and waits for that.
        """
        work, under_way = begin(), False
        try:
            while True:
                under_way = False
                await self._advance(work, None)
                under_way = True
                yield self._item
        except _Ended:
            return
        finally:
            if under_way:
                await self._leave(work)

    async def _leave(self, work: Coroutine[object, object, object]) -> None:
        """Let the coroutine clean up; items that it still hands over are dropped."""
        error: BaseException | None = _ConsumerLeft()
        while True:
            try:
                await self._advance(work, error)
            except (_Ended, _ConsumerLeft):
                return
            error = None

    @types.coroutine
    def _advance(
        self, work: Coroutine[object, object, object], error: BaseException | None
    ) -> Generator[object, object, None]:
        """Run the coroutine until it hands over an item; futures that it awaits are passed on to the event loop."""
        try:
            got = work.send(None) if error is None else work.throw(error)
            while got is not self:
                try:
                    value = yield got
                except BaseException as exc:
                    got = work.throw(exc)
                else:
                    got = work.send(value)
        except StopIteration:
            raise _Ended from None
