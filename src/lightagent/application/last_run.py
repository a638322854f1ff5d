"""The last run of each agent in the calling context: what `export_trace()` and `get_history()` look at.

A context is a thread or an asyncio task; none sees another's. The last few agents of a context are kept.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final
from weakref import ref

from lightagent.application.recorded import Recorded

_KEPT: Final = 16

_runs: ContextVar[tuple[tuple[ref[object], Recorded], ...]] = ContextVar("lightagent_last_runs", default=())


def remember(agent: object, run: Recorded) -> None:
    """Make `run` the last one of `agent` in this context."""
    others = tuple(entry for entry in _runs.get() if entry[0]() not in (None, agent))
    _runs.set((*others, (ref(agent), run))[-_KEPT:])


def last_run(agent: object) -> Recorded | None:
    """The last run of `agent` in this context."""
    return next((run for owner, run in _runs.get() if owner() is agent), None)
