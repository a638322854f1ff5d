"""Iterates over the pages of a listing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar


class Page(Protocol):
    """A page of a listing; `next` is the cursor of the page after it, empty for the last one."""

    @property
    def next(self) -> str: ...


PageT = TypeVar("PageT", bound=Page)


async def all_pages(load: Callable[[str], Awaitable[PageT]]) -> AsyncIterator[PageT]:
    """Every page, in order.

    Args:
        load: returns the page at a cursor; the first page is at the empty cursor.
    """
    cursor = ""
    while True:
        page = await load(cursor)
        yield page
        cursor = page.next
        if not cursor:
            return
