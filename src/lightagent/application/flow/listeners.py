"""Runs of this process that want to know at once when something was said to them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from lightagent.domain.journal_streams import StreamKey


class Listeners:
    """Who listens, by the key of the run; in any thread and any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[StreamKey, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}

    def listen(self, key: StreamKey, call: Callable[[], None]) -> None:
        """Have `call` called, in the running event loop, whenever something is said to a run."""
        with self._lock:
            self._known[key] = asyncio.get_running_loop(), call

    def leave(self, key: StreamKey) -> None:
        """Listen no longer."""
        with self._lock:
            self._known.pop(key, None)

    def tell(self, key: StreamKey) -> None:
        """Something was said to a run."""
        with self._lock:
            listener = self._known.get(key)
        if listener is not None:
            loop, call = listener
            if not loop.is_closed():
                loop.call_soon_threadsafe(call)
