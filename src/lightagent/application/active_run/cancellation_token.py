"""`CancellationToken`: ends runs from anywhere, with a reason that is on record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from lightagent.aiokits.deadline import Deadline


class CancellationToken:
    """Ends the runs that it is given to, from any thread, once and for good.

    Such a run ends as cancelled within half a second: what it waits for is cancelled, and given up if it does not end.
    Its journal and its result hold the reason. One token may be given to any number of runs, before or after
    `cancel()`.
    """

    __slots__ = ("_cancelled", "_listeners", "_lock", "_reason")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # A signal handler may call while its thread holds it.
        self._listeners: dict[object, Callable[[], None]] = {}
        self._cancelled = False
        self._reason = ""

    def __repr__(self) -> str:
        return f"CancellationToken(cancelled={self._cancelled}, reason={self._reason!r})"

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    @property
    def reason(self) -> str:
        """The reason of the first call of `cancel`."""
        return self._reason

    def cancel(self, reason: str = "") -> None:
        """End the runs. Returns at once; only the first call counts.

        Args:
            reason: for the record and the result.
        """
        with self._lock:
            if self._cancelled:
                return
            self._reason, self._cancelled = reason, True
            listeners = [*self._listeners.values()]
        for listener in listeners:
            listener()

    @contextmanager
    def ending(self, deadline: Deadline) -> Generator[None]:
        """A context in which the deadline expires as soon as `cancel` is called. Used by the run itself."""
        loop = asyncio.get_running_loop()

        def end() -> None:
            with suppress(RuntimeError):  # The loop was closed, so there is nothing left to end.
                loop.call_soon_threadsafe(deadline.cut)

        with self.calling(end):
            if self._cancelled:
                deadline.cut()
            yield

    @contextmanager
    def calling(self, listener: Callable[[], None]) -> Generator[None]:
        """A context in which `listener` is called once `cancel` is, in any thread; at once if that was before."""
        key = object()
        with self._lock:
            self._listeners[key] = listener
            over = self._cancelled
        if over:
            listener()
        try:
            yield
        finally:
            with self._lock:
                del self._listeners[key]
