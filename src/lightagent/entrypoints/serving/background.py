"""Runs in the background, which outlive their connections: executed by tasks of their own, resumed after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from lightagent.application.journals.journal import Journal
from lightagent.application.serving.background_runs import BackgroundRecords, BackgroundRun
from lightagent.application.serving.error_statuses import NEVER_BEGAN, RequestRefused
from lightagent.application.serving.responses.ids import read_response_id
from lightagent.application.serving.served_run_store import ServedRunStore
from lightagent.application.stored_runs import Runs, StoredRun
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import IncompleteListing, StoreError
from lightagent.domain.runs.events import Event, Nested, RunFinished, ToolFinished, ToolStarted
from lightagent.entrypoints.serving.served_run import ServedRun

PAUSE: Final = 1.0
"""Seconds between two checks of a run that another process may hold."""

BEGIN_SECONDS: Final = 30.0
"""Seconds during which another process may still start a run that has a record, but no events yet."""

_STORE_PAUSE: Final = 5.0
"""Seconds before the next attempt to read a store that could not be read."""

_LOG: Final = logging.getLogger("lightagent.serve")


class Background:
    """The background runs of one server.

    Args:
        kept: the storage of runs.
        records: the stored records of background runs.
        go_on: resumes a run from its journal.
        clock: returns the time as seconds since 1970.
    """

    def __init__(
        self,
        kept: ServedRunStore,
        records: BackgroundRecords,
        go_on: Callable[[BackgroundRun, Journal], ServedRun],
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self.records = records
        self._kept = kept
        self._go_on = go_on
        self._playing: dict[asyncio.Task[None], ServedRun] = {}
        self._own: set[str] = set()
        self._pending: dict[str, BackgroundRun] = {}
        self._looking: asyncio.Task[None] | None = None
        self._left = False

    def expect(self, record: BackgroundRun) -> None:
        """Note that this process is about to execute the run, so that it is not mistaken for an abandoned one."""
        self._own.add(record.response_id)

    def play(self, record: BackgroundRun, run: ServedRun) -> None:
        """Execute a run in a task of its own, independently of the clients that follow it."""
        run.is_background = True
        self.expect(record)
        task = asyncio.create_task(self._play(record, run))
        self._playing[task] = run
        task.add_done_callback(lambda done: self._playing.pop(done, None))

    async def _play(self, record: BackgroundRun, run: ServedRun) -> None:
        error: LightAgentErrorInfo | None = None
        try:
            async with run:
                async for _ in run.steps:
                    run.tell_news()
            if run.cancelled and run.journal is not None:
                await self._kept.keep_end(run.journal)
        except asyncio.CancelledError:
            return  # The server stops: the run stays on record as open, so that it is resumed later.
        except StoreError as raised:
            _LOG.warning("The run %s in the background could not be kept: %s", run.id, type(raised).__name__)
            self._look_at(record)  # The store may recover, or another process may hold the run.
            return
        except Exception as raised:
            _LOG.warning("The run %s in the background failed: %s", run.id, type(raised).__name__, exc_info=raised)
            error = classify_exception(raised)
        finally:
            run.forget()
            run.tell_news()
        await self._close(record, error)

    async def _close(self, record: BackgroundRun, error: LightAgentErrorInfo | None) -> None:
        self._own.discard(record.response_id)
        try:
            await self.records.close(record, error)
        except StoreError as raised:  # The record stays open and is checked again at the next start.
            _LOG.warning("The end of %s is not on record: %s", record.response_id, type(raised).__name__)

    def start(self) -> None:
        """Begin to resume the runs of earlier server processes, each as soon as no other process holds it."""
        if self._looking is None and not self._left:
            self._looking = asyncio.create_task(self._take_up_all())

    async def _take_up_all(self) -> None:
        are_known = await self._find_all()
        while not are_known:
            await asyncio.sleep(_STORE_PAUSE)
            are_known = await self._find_all()
        await self._look()

    async def _find_all(self) -> bool:
        """Collect the runs that may have to be resumed. Return whether the store could be read."""
        try:
            async for record in self.records.open():
                if record.response_id not in self._own:
                    self._pending[record.response_id] = record
        except IncompleteListing as raised:
            _LOG.warning("Not all runs in the background can be found: %s", raised)
        except StoreError as raised:
            _LOG.warning("The runs in the background cannot be found yet: %s", raised)
            return False
        return True

    def _look_at(self, record: BackgroundRun) -> None:
        self._own.discard(record.response_id)
        self._pending[record.response_id] = record
        if (self._looking is None or self._looking.done()) and not self._left:
            self._looking = asyncio.create_task(self._look(PAUSE))

    async def _look(self, pause: float = 0.0) -> None:
        told = set[str]()
        while self._pending:
            await asyncio.sleep(pause)
            pause = PAUSE
            for record in [*self._pending.values()]:
                try:
                    is_done = await self.take_up(record)
                except StoreError as raised:
                    if record.run_id not in told:
                        _LOG.warning("The run %s cannot be read yet: %s", record.run_id, type(raised).__name__)
                    told.add(record.run_id)
                    continue
                if is_done:
                    self._pending.pop(record.response_id, None)

    async def take_up(self, record: BackgroundRun, cancelled: str | None = None) -> bool:
        """Resume a run that no process executes. Return False if it has to be checked again later.

        Args:
            cancelled: a reason to cancel the run as soon as it is resumed.

        Raises:
            StoreError: the store cannot be read.
        """
        found = await Runs(self._kept.store, tenant=record.owner.tenant).find(record.run_id, record.owner.user)
        if record.response_id in self._own:
            return True
        if found is None or not (part := _part(record, found)):
            if self._clock() - record.created < BEGIN_SECONDS:
                return False
            await self._close(record, NEVER_BEGAN)
            return True
        if isinstance(part[-1], RunFinished):
            await self._close(record, None)
            return True
        return found.info.status == "interrupted" and await self._resume(record, found, cancelled)

    async def _resume(self, record: BackgroundRun, found: StoredRun, cancelled: str | None) -> bool:
        try:
            run = self._go_on(record, found.journal)
        except RequestRefused as refused:
            if refused.status in (429, 503):
                return False
            if refused.status != 404:  # A model that is unknown here may be served by another server.
                await self._close(record, refused.info)
            return True
        if cancelled is not None:
            run.cancel(cancelled)
        self.play(record, run)
        return True

    def stop(self) -> None:
        """Stop resuming runs."""
        self._left = True
        if self._looking is not None:
            self._looking.cancel()

    async def leave(self, seconds: float) -> None:
        """Stop executing all runs: each once none of its tools is being called, and at the latest after `seconds`.

        No end is recorded for them, so that they are resumed at the next start.
        """
        end = asyncio.get_running_loop().time() + seconds
        while self._playing:
            late = asyncio.get_running_loop().time() >= end
            for task, run in [*self._playing.items()]:
                if late or not _is_at_work(run):
                    run.steps.leave()
                    task.cancel()
            await asyncio.wait([*self._playing], timeout=1.0 if late else 0.02)
            if late:
                return


def _part(record: BackgroundRun, found: StoredRun) -> tuple[Event, ...]:
    response_id = read_response_id(record.response_id)
    return () if response_id is None else tuple(response_id.part(found.journal.events))


def _is_at_work(run: ServedRun) -> bool:
    """Return whether a tool of the run is being called, at any depth. If interrupted, its effect would be unknown."""
    at_work = set[tuple[str, ...]]()
    for event in () if run.journal is None else run.journal.events:
        path = list[str]()
        while isinstance(event, Nested):
            path.append(event.call_id)
            event = event.event
        if isinstance(event, ToolStarted):
            at_work.add((*path, event.call_id))
        elif isinstance(event, ToolFinished):
            at_work.discard((*path, event.call_id))
    return bool(at_work)
