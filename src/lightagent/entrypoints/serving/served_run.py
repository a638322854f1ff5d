"""One run that is served: it waits for its place, can be cancelled at any moment, and is always closed."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from lightagent.application.cancellation_token import CancellationToken
from lightagent.application.journal import Journal
from lightagent.application.serving.kept_runs import KeptRuns
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.events import Event, Nested, RunFinished, ToolStarted
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.catalogue import Steps
from lightagent.entrypoints.serving.slots import Slot, Slots


def stopping() -> RequestRefused:
    """What a server that is about to stop answers."""
    return RequestRefused(503, "The server is about to stop.", "Ask again in a few seconds.", retry_after=5.0)


class GoingRuns:
    """All runs that are served now, for the end of the server."""

    def __init__(self) -> None:
        self._runs: set[ServedRun] = set()
        self._emptied = asyncio.Event()
        self.closing = False

    def __len__(self) -> int:
        return len(self._runs)

    def check_open(self) -> None:
        """Raise where nothing new may begin.

        Raises:
            RequestRefused: the server is about to stop.
        """
        if self.closing:
            raise stopping()

    def add(self, run: ServedRun) -> None:
        """One more.

        Raises:
            RequestRefused: the server is about to stop.
        """
        self.check_open()
        self._runs.add(run)

    def remove(self, run: ServedRun) -> None:
        """One has ended."""
        self._runs.discard(run)
        if not self._runs:
            self._emptied.set()

    def has(self, run_id: str) -> bool:
        """Whether the run with this id goes on, or waits for its place."""
        return any(run.id == run_id and not run.ended for run in self._runs)

    def find(self, run_id: str, owner: Scope) -> ServedRun | None:
        """The one of this owner's with this id."""
        for run in self._runs:
            if run.id == run_id and run.journal is not None:
                scope = run.journal.started.scope
                return run if (scope.tenant, scope.user) == (owner.tenant, owner.user) else None
        return None

    async def ended(self) -> None:
        """Wait until none goes on."""
        while self._runs:
            self._emptied.clear()
            await self._emptied.wait()

    def cancel(self, reason: str) -> None:
        """End all that go on but those in the background, with this reason on their records."""
        for run in [*self._runs]:
            if not run.is_background:
                run.cancel(reason)


class ServedRun:
    """A run behind a request. Within ``async with`` it has its place, and its steps can be taken.

    Leaving early cancels it, and so does `cancel`, from wherever.

    Attributes:
        steps: what happens in it.
        token: ends it.
        is_background: it outlives its connection, and is resumed where the server ends before it.
        id: of the run.
    """

    def __init__(
        self,
        steps: Steps,
        token: CancellationToken,
        slots: Slots,
        slot: Slot,
        going: GoingRuns,
        kept: KeptRuns,
    ) -> None:
        self.steps: Steps = steps
        self.is_background = False
        self._news: asyncio.Event | None = None
        self.id: str = steps.run_id
        self.token = token
        self._slots, self._slot = slots, slot
        self._going, self._kept = going, kept
        self._known = 0 if steps.journal is None else len(steps.journal.events)
        going.add(self)

    @property
    def journal(self) -> Journal | None:
        """What happened so far, where it is a run of an agent."""
        return self.steps.journal

    @property
    def ended(self) -> bool:
        """Whether its end is on record, so that a client may have been told, and answers to it at once."""
        journal = self.journal
        return journal is not None and len(journal.events) > self._known and isinstance(journal.events[-1], RunFinished)

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled from outside."""
        return self.token.cancelled

    @property
    def waits(self) -> bool:
        """Whether it waits for its place."""
        return not self._slot.taken

    @property
    def may_repeat(self) -> bool:
        """Whether a client that repeats the request does no harm: nothing was done yet but ask models."""
        events = () if self.journal is None else self.journal.events
        return self.journal is not None and not any(_is_deed(event) for event in events)

    @property
    def news(self) -> asyncio.Event:
        """Is set once something more has happened, where whoever plays the run tells it; each is for one time."""
        if self._news is None:
            self._news = asyncio.Event()
        return self._news

    def tell_news(self) -> None:
        """Have those look who wait for news."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def cancel(self, reason: str) -> None:
        """End it. Its journal has the reason; one that waits for its place does not begin any more."""
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
                await self._kept.left(journal)
        finally:
            self.forget()

    def forget(self) -> None:
        """Give its place back."""
        self._slots.give_back(self._slot)
        self._going.remove(self)


def _is_deed(event: Event) -> bool:
    """Whether a tool was touched, by an agent at any depth."""
    while isinstance(event, Nested):
        event = event.event
    return isinstance(event, ToolStarted)
