"""Waiting for an entry that is not there yet, by looking again, for stores that send no notice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from lightagent.domain.journals.streams import Slice

_PAUSE: Final = 0.05
"""Seconds between two looks."""


async def wait_for_entries(look: Callable[[], Awaitable[Slice]], wait: float) -> Slice:
    """What `look` gives once it has an entry, or after `wait` seconds."""
    found = await look()
    deadline = asyncio.get_running_loop().time() + wait
    while not found.entries and (left := deadline - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(_PAUSE, left))
        found = await look()
    return found
