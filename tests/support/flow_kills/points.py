"""The named points at which a process that carries out a run of a flow is killed, and what kills it there."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process dies.

    Attributes:
        during: which order is being carried out: begin, approve, cancel, resume or rerun.
        reached: what is reached there.
        most: it dies as often as this has been reached, a number from 1 to this one.
    """

    during: str
    reached: str
    most: int = 1


POINTS: Final = {
    "before an append": Point("begin", "before append to flow", 12),
    "after an append, before it is acknowledged": Point("begin", "after append to flow", 12),
    "in a step, before its effect": Point("begin", "before effect"),
    "between the effect of a step and its result": Point("resume", "after effect", 2),
    "in a model call of an agent": Point("begin", "model", 3),
    "in a tool, before its effect": Point("begin", "before effect of a tool", 2),
    "between the effect of a tool and its result": Point("begin", "after effect of a tool", 2),
    "while a retry waits for its moment": Point("begin", "soon"),
    "while a person is asked": Point("begin", "person"),
    "before the lease is given back": Point("begin", "release"),
    "before a decision is kept": Point("approve", "before append to flow_inbox"),
    "between a decision and the record of the run": Point("approve", "after append to flow_inbox"),
    "after a decision is on record": Point("approve", "after append to flow"),
    "when a run goes on, at an append": Point("resume", "before append to flow", 3),
    "when a run goes on, after an append": Point("resume", "after append to flow", 3),
    "before a cancellation is kept": Point("cancel", "before append to flow_inbox"),
    "between a cancellation and the record of the run": Point("cancel", "after append to flow_inbox"),
    "after a cancellation is on record": Point("cancel", "after append to flow"),
    "before a rerun is on record": Point("rerun", "before append to flow"),
    "after a rerun is on record": Point("rerun", "after append to flow"),
    "in a step that is run again": Point("rerun", "after effect of a tool", 2),
}


class Trigger:
    """Kills this process as it reaches a point for the nth time.

    Args:
        point: its name; empty for a process that lives.
    """

    def __init__(self, point: str, nth: int) -> None:
        self._reached = POINTS[point].reached if point else ""
        self._left = nth

    def reach(self, what: str) -> None:
        """Something is reached."""
        if what != self._reached:
            return
        self._left -= 1
        if self._left:
            return
        if what == "soon":
            signal.setitimer(signal.ITIMER_REAL, 0.03)  # Nothing handles this signal, so it kills.
        else:
            os.kill(os.getpid(), signal.SIGKILL)
