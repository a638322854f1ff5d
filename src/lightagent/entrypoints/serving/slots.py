"""Limits on concurrent runs, in total and per key, and on the runs that wait for a slot."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.ports.server_telemetry import ServerLoad

RETRY_AFTER = 5.0
"""Seconds (Retry-After) before a refused client may try again."""


@dataclass(slots=True, eq=False)
class Slot:
    """The slot of one run. `ready` is resolved once the run may start."""

    key: str
    ready: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    taken: bool = False


class Slots:
    """Assigns slots to runs, first come, first served.

    Args:
        most: concurrent runs.
        of_key: concurrent runs of one key.
        waiting: runs that may wait for a slot.
    """

    def __init__(self, most: int, of_key: int, waiting: int) -> None:
        self._most, self._of_key, self._most_waiting = most, of_key, waiting
        self._active: Counter[str] = Counter()
        self._total = 0
        self._waiting: deque[Slot] = deque()

    @property
    def active(self) -> int:
        """The number of active runs."""
        return self._total

    def load(self) -> ServerLoad:
        """Return the numbers of active and waiting runs. Can be called from any thread."""
        return ServerLoad(self._total, len(self._waiting))

    def ask(self, key: str) -> Slot:
        """Return a slot, which is ready at once or later.

        Raises:
            RequestRefused: too many runs wait already.
        """
        slot = Slot(key)
        if self._is_free(key):
            self._take(slot)
        elif len(self._waiting) >= self._most_waiting:
            raise RequestRefused(429, "Too many runs are active.", "Retry in a few seconds.", retry_after=RETRY_AFTER)
        else:
            self._waiting.append(slot)
        return slot

    def give_back(self, slot: Slot) -> None:
        """Release a slot, or stop waiting for it, and assign free slots to waiting runs."""
        if slot.taken:
            slot.taken = False
            self._total -= 1
            self._active[slot.key] -= 1
            if not self._active[slot.key]:
                del self._active[slot.key]
        elif slot in self._waiting:
            self._waiting.remove(slot)
        for waiting in [*self._waiting] if self._waiting else ():
            if self._is_free(waiting.key):
                self._waiting.remove(waiting)
                self._take(waiting)

    def _is_free(self, key: str) -> bool:
        return self._total < self._most and self._active[key] < self._of_key

    def _take(self, slot: Slot) -> None:
        slot.taken = True
        self._total += 1
        self._active[slot.key] += 1
        if not slot.ready.done():
            slot.ready.set_result(None)
