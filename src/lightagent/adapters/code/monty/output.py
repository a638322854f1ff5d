"""What a program writes in Monty, which comes from a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from lightagent.domain.code.programs import Channel, CodeOutput


class Output:
    """Keeps and shows it, up to a limit for each channel; `over` is set where there is more."""

    def __init__(self, most: int, show: Callable[[CodeOutput], None]) -> None:
        self.over: asyncio.Event = asyncio.Event()
        self._left: dict[Channel, int] = {"stdout": most, "stderr": most}
        self._parts: dict[Channel, list[str]] = {"stdout": [], "stderr": []}
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._is_open = True

    def text(self, channel: Channel) -> str:
        """All of it, up to the limit."""
        return "".join(self._parts[channel])

    def close(self) -> None:
        """Nothing is taken or shown from here on, whatever a thread may still bring."""
        with self._lock:
            self._is_open = False

    def take(self, channel: Channel, text: str) -> None:
        """Add a piece, and show it."""
        data = text.encode("utf-8", errors="replace")
        with self._lock:
            if not self._is_open:
                return
            left = self._left[channel]
            self._left[channel] = max(left - len(data), 0)
            kept = data[:left].decode("utf-8", errors="ignore")
            if kept:
                self._parts[channel].append(kept)
                self._loop.call_soon_threadsafe(self._tell, CodeOutput(channel, kept))
            if len(data) > left:
                self._loop.call_soon_threadsafe(self.over.set)

    def _tell(self, piece: CodeOutput) -> None:
        if self._is_open:
            self._show(piece)
