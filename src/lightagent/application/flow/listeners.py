"""The runs of this process, to be notified at once of messages to them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from lightagent.domain.journals.streams import StreamKey


class Listeners:
    """The listeners, by the key of the run; usable from any thread and any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[StreamKey, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}

    def listen(self, key: StreamKey, call: Callable[[], None]) -> None:
        """Call `call` in the running event loop whenever there is a message to a run."""
        with self._lock:
            self._known[key] = asyncio.get_running_loop(), call

    def leave(self, key: StreamKey) -> None:
        """Remove the listener."""
        with self._lock:
            self._known.pop(key, None)

    def tell(self, key: StreamKey) -> None:
        """Notify a run's listeners of a message."""
        with self._lock:
            listener = self._known.get(key)
        if listener is not None:
            loop, call = listener
            if not loop.is_closed():
                loop.call_soon_threadsafe(call)
