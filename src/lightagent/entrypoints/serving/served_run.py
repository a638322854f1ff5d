"""Served runs: each waits for a free slot, can be cancelled at any time, and is always closed."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.journals.journal import Journal
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.served_run_store import ServedRunStore
from lightagent.domain.runs.events import Event, Nested, RunFinished, ToolStarted
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.catalogue import Steps
from lightagent.entrypoints.serving.slots import Slot, Slots


def stopping() -> RequestRefused:
    """Return the refusal that a stopping server answers with."""
    return RequestRefused(503, "The server is stopping.", "Retry in a few seconds.", retry_after=5.0)


class ActiveRuns:
    """All active and queued runs of a server, which it ends when it stops."""

    def __init__(self) -> None:
        self._runs: set[ServedRun] = set()
        self._emptied = asyncio.Event()
        self.closing = False

    def __len__(self) -> int:
        return len(self._runs)

    def check_open(self) -> None:
        """Raise if the server does not accept new runs.

        Raises:
            RequestRefused: the server is stopping.
        """
        if self.closing:
            raise stopping()

    def add(self, run: ServedRun) -> None:
        """Add a run.

        Raises:
            RequestRefused: the server is stopping.
        """
        self.check_open()
        self._runs.add(run)

    def remove(self, run: ServedRun) -> None:
        """Remove a run that has ended."""
        self._runs.discard(run)
        if not self._runs:
            self._emptied.set()

    def has(self, run_id: str) -> bool:
        """Return whether the run with this id is active or waits for a slot."""
        return any(run.id == run_id and not run.ended for run in self._runs)

    def find(self, run_id: str, owner: Scope) -> ServedRun | None:
        """Return this owner's run with this id, or None."""
        for run in self._runs:
            if run.id == run_id and run.journal is not None:
                scope = run.journal.started.scope
                return run if (scope.tenant, scope.user) == (owner.tenant, owner.user) else None
        return None

    async def ended(self) -> None:
        """Wait until all runs have ended."""
        while self._runs:
            self._emptied.clear()
            await self._emptied.wait()

    def cancel(self, reason: str) -> None:
        """Cancel all runs except background runs, and record this reason."""
        for run in [*self._runs]:
            if not run.is_background:
                run.cancel(reason)


class ServedRun:
    """The run of a request. ``async with`` waits for its slot; within the block its steps can be consumed.

    Leaving the block before the end cancels the run, as does `cancel`.

    Attributes:
        steps: the steps of the run.
        token: cancels the run.
        is_background: the run outlives its connection, and is resumed after a restart if the server stops before.
        id: the id of the run.
    """

    def __init__(
        self,
        steps: Steps,
        token: CancellationToken,
        slots: Slots,
        slot: Slot,
        active: ActiveRuns,
        kept: ServedRunStore,
    ) -> None:
        self.steps: Steps = steps
        self.is_background = False
        self._news: asyncio.Event | None = None
        self.id: str = steps.run_id
        self.token = token
        self._slots, self._slot = slots, slot
        self._active, self._kept = active, kept
        self._known = 0 if steps.journal is None else len(steps.journal.events)
        active.add(self)

    @property
    def journal(self) -> Journal | None:
        """The events so far, if it is a run of an agent; else None."""
        return self.steps.journal

    @property
    def ended(self) -> bool:
        """Whether its end is recorded, so that a client may know of it and send the next request already."""
        journal = self.journal
        return journal is not None and len(journal.events) > self._known and isinstance(journal.events[-1], RunFinished)

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled from outside."""
        return self.token.cancelled

    @property
    def waits(self) -> bool:
        """Whether it waits for a slot."""
        return not self._slot.taken

    @property
    def may_repeat(self) -> bool:
        """Whether the request can be repeated without harm: only models were called so far, no tools."""
        events = () if self.journal is None else self.journal.events
        return self.journal is not None and not any(_is_deed(event) for event in events)

    @property
    def news(self) -> asyncio.Event:
        """An event that is set at the next `tell_news`. It is set only once; get a new one to wait again."""
        if self._news is None:
            self._news = asyncio.Event()
        return self._news

    def tell_news(self) -> None:
        """Wake the tasks that wait for `news`."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def cancel(self, reason: str) -> None:
        """Cancel the run and record the reason. A run that waits for a slot stops waiting, and does not start."""
        self.token.cancel(reason)
        if not self._slot.ready.done():
            self._slot.ready.set_result(None)

    async def __aenter__(self) -> Self:
        await self._slot.ready
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.steps.aclose()
            journal = self.journal
            if journal is not None:
                await self._kept.keep_or_drop(journal)
        finally:
            self.forget()

    def forget(self) -> None:
        """Release the slot and remove the run from the active ones."""
        self._slots.give_back(self._slot)
        self._active.remove(self)


def _is_deed(event: Event) -> bool:
    """Return whether the event is the start of a tool call, at any depth of nested agents."""
    while isinstance(event, Nested):
        event = event.event
    return isinstance(event, ToolStarted)
