"""Services of a run: its store, and the reviews of its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lightagent.domain.runs.events import Event
from lightagent.domain.runs.state import Beginning


class Keeper(Protocol):
    """Keeps a run in a store while it goes on."""

    async def open(self, events: list[Event], known: int) -> Beginning | None:
        """Take the run, `known` of whose events were there before; returns the conversation to begin from, if any.

        The first event of a new run may change.
        """
        ...

    async def write(self, events: Sequence[Event]) -> None:
        """Write what has happened so far."""
        ...

    async def close(self, events: Sequence[Event]) -> None:
        """Write the rest and release the store."""
        ...


class Reviewing(Protocol):
    """Has people decide about the waiting calls of a run."""

    async def take_up(self) -> None:
        """Put the decisions about the calls of a resumed run on record."""
        ...

    async def commit(self) -> None:
        """Take those decisions, so that no other run can."""
        ...

    async def consult(self) -> bool:
        """Ask about the calls that wait; returns whether any was decided at once."""
        ...

    async def close(self, *, ended: bool) -> None:
        """Release the decisions that were taken."""
        ...
