"""The last run of each agent in the calling context: what `export_trace()` and `get_history()` look at.

A context is a thread or an asyncio task; none sees another's. The last few agents of a context are kept.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final
from weakref import ref

from lightagent.application.active_run.record import RunRecord

_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class _Last:
    """The last runs of one task or thread. A task or thread that it begins inherits the variable, but is another."""

    owner: ref[object]
    runs: tuple[tuple[ref[object], RunRecord], ...] = ()


_last: ContextVar[_Last | None] = ContextVar("lightagent_last_runs", default=None)


def remember(agent: object, run: RunRecord) -> None:
    """Make `run` the last one of `agent` in this context."""
    others = tuple(entry for entry in _runs() if entry[0]() not in (None, agent))
    _last.set(_Last(ref(_context()), (*others, (ref(agent), run))[-_KEPT:]))


def last_run(agent: object) -> RunRecord | None:
    """The last run of `agent` in this context."""
    return next((run for owner, run in _runs() if owner() is agent), None)


def _runs() -> tuple[tuple[ref[object], RunRecord], ...]:
    last = _last.get()
    return last.runs if last is not None and last.owner() is _context() else ()


def _context() -> object:
    """The task, or the thread where there is none."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return task or threading.current_thread()
