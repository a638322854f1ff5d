"""Who sends what still waits, and when: at the end of the process, and when a program asks for it.

A flush is never waited for longer than its limit, whatever the collector does.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Final, Protocol

from typing_extensions import TypeIs

from lightagent.ports.flushable_sink import FlushableSink

END_SECONDS: Final = 5.0
"""Seconds that the end of a process, an app or a command takes at most for what waits."""


class Closable(Protocol):
    """What is closed at the end of the process."""

    def close(self, timeout: float) -> bool:
        """Send what waits, and end, within so many seconds."""
        ...


_lock = threading.Lock()
_sinks: Final[weakref.WeakSet[FlushableSink]] = weakref.WeakSet()
_closing: Final[dict[int, Closable]] = {}


def know_sink(sink: FlushableSink) -> None:
    """Flush it as well when a program asks for it, for as long as it lives."""
    with _lock:
        _sinks.add(sink)


def _begin_anew() -> None:
    """In a forked child: another thread of the parent may have held the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # Windows has no forks.
    os.register_at_fork(after_in_child=_begin_anew)


def is_flushable(sink: object) -> TypeIs[FlushableSink]:
    """Whether it can be flushed; `isinstance` with a protocol would look at each of its methods."""
    return callable(getattr(type(sink), "flush", None))


def is_closable(sink: object) -> TypeIs[Closable]:
    """Whether it has something of its own to end."""
    return callable(getattr(type(sink), "close", None))


def flush_sinks(timeout: float, others: Iterable[FlushableSink] = ()) -> bool:
    """Flush all that are known, and these others; `timeout` is for all of them together.

    Returns:
        Whether everything was sent.
    """
    deadline = time.monotonic() + timeout
    with _lock:
        known = [*_sinks]
    sent = [_flush(sink, deadline - time.monotonic()) for sink in (*known, *others)]
    return all(sent)


def _flush(sink: FlushableSink, seconds: float) -> bool:
    try:
        return bool(sink.flush(max(seconds, 0.0)))
    except Exception:  # Sinks may be foreign code.
        return False


def close_at_exit(export: Closable) -> None:
    """Close it at the end of the process, unless it was closed before."""
    with _lock:
        if not _closing:
            atexit.register(_close_all)
        _closing[id(export)] = export


def was_closed(export: Closable) -> None:
    """It need not be closed any more."""
    with _lock:
        _closing.pop(id(export), None)


def _close_all() -> None:
    deadline = time.monotonic() + END_SECONDS
    for export in [*_closing.values()]:
        export.close(max(deadline - time.monotonic(), 0.0))
