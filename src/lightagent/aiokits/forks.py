"""Pauses threads while the process is forked, so that a child inherits nothing that only one process may use.

What an embedded database knows of its locks is wrong in a forked child: the system gives it none of them. The child's
writes could then be lost, or its file damaged, although it opens the database anew.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Final, Protocol

_LONGEST_PAUSE: Final = 60.0
"""Seconds for which a fork waits for work in progress in the threads before it continues."""


class Pause:
    """Asks a thread to close what it owns, to set `closed` then, and to wait for `over`."""

    def __init__(self) -> None:
        self.closed: threading.Event = threading.Event()
        self.over: threading.Event = threading.Event()


class Pausable(Protocol):
    """What is paused while the process is forked."""

    def pause(self) -> Pause:
        """Start no new work, and close what is owned."""
        ...

    def resume(self) -> None:
        """Continue; called by the thread that called `pause`, in the parent and in the child."""
        ...


class _Forks:
    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._known = weakref.WeakSet[Pausable]()
        self._paused: list[tuple[Pausable, Pause]] = []
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._after)

    def know(self, one: Pausable) -> None:
        with self._one_at_a_time:
            self._known.add(one)

    def _before(self) -> None:
        self._one_at_a_time.acquire()
        self._paused = [(one, one.pause()) for one in self._known]
        deadline = time.monotonic() + _LONGEST_PAUSE
        for _, pause in self._paused:
            pause.closed.wait(max(deadline - time.monotonic(), 0.0))

    def _after(self) -> None:
        paused, self._paused = self._paused, []
        for one, pause in paused:
            pause.over.set()
            one.resume()
        self._one_at_a_time.release()


_FORKS: Final = _Forks()


def pause_at_forks(one: Pausable) -> None:
    """Pause it at each fork of this process, for as long as it lives."""
    _FORKS.know(one)
