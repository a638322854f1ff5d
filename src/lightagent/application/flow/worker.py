"""Goes on with the runs of one flow that no process has: whose process is gone, whose time has come, or that were told
something. Any number of workers share a store; the lease of a run decides which of them has it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from lightagent.aiokits.abandon import stop
from lightagent.application.flow.find_work import FindWork
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_result import FlowStatus
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import IncompleteListing, LeaseHeld, LightAgentError, StoreError
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope

_LOGGER: Final = logging.getLogger("lightagent")

_LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries to read a store that cannot be read."""

TO_STOP: Final = 3.0
"""Seconds in which runs that are interrupted stop what is under way, and give back their leases."""


@dataclass(frozen=True, slots=True)
class WorkedRun:
    """A run that a worker went on with, or failed to.

    Attributes:
        flow: the name of the flow.
        run_id, tenant, user_id: name the run.
        status: of the run afterwards; None if it could not go on.
        error: why it could not, or why a step failed or waits.
    """

    flow: str
    run_id: str
    tenant: str = ""
    user_id: str = ""
    status: FlowStatus | None = None
    error: LightAgentErrorInfo | None = None


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How a worker works.

    Attributes:
        most: runs at the same time.
        pause: seconds between two looks into the store.
        grace: seconds that runs may go on once the worker is stopped; then they are interrupted.
    """

    most: int = 4
    pause: float = 1.0
    grace: float = 20.0


def of_owner(owner: Scope) -> str:
    """The owner of a run, for a line of the log; empty for a run without an owner."""
    named = (("user", owner.user), ("tenant", owner.tenant))
    return "".join(f" of {what} {name!r}" for what, name in named if name)


class Worker:
    """The worker of one flow.

    Args:
        work: finds runs that have something to do.
        steps: gives those of the flow, as they are declared now.
        told: gets a report on each run.
    """

    def __init__(
        self,
        name: str,
        runs: FlowRuns,
        work: FindWork,
        steps: Callable[[], Sequence[LightFlowStep]],
        limits: WorkerLimits,
        told: Callable[[WorkedRun], None],
    ) -> None:
        self._name = name
        self._runs = runs
        self._work = work
        self._steps = steps
        self._limits = limits
        self._told = told
        self._tasks: dict[StreamKey, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurried = False
        self._told_idle = False
        self._cut_off = False
        self._unread: frozenset[str] = frozenset()

    def stop(self) -> None:
        """Take no further run, and end once those that go on have ended, or their time is over.

        Called once more, those are interrupted at once: another worker goes on with them. Called in the event loop of
        the worker.
        """
        self._hurried = self._stopping.is_set()
        self._stopping.set()
        self._changed.set()

    async def work(self, *, once: bool = False) -> None:
        """Look for runs and go on with them, until stopped.

        Args:
            once: end as soon as no run has anything to do.

        Raises:
            StoreError: with `once`: the store cannot be read.
        """
        pause = self._limits.pause
        try:
            while not self._stopping.is_set():
                self._changed.clear()
                try:
                    began = await self._until_stopped(self._look())
                except StoreError as error:
                    if once:
                        raise
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    self._cut_off = True
                    _LOGGER.warning("%s: the store cannot be read: %s", self._name, error.message)
                else:
                    if self._cut_off:
                        self._cut_off = False
                        _LOGGER.info("%s: the store can be read again", self._name)
                    pause = self._limits.pause
                    if once and not began and not self._tasks:
                        return
                    self._told_idle = self._told_idle and not began
                await self._wait(pause)
            await self._end()
        finally:
            await stop(tuple(self._tasks.values()), TO_STOP)

    async def _until_stopped(self, work: Coroutine[object, object, bool]) -> bool:
        """The result of `work`, or True if the worker is stopped first: a store may take long to answer."""
        working, stopping = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else True
        finally:
            await stop((working, stopping))

    async def _look(self) -> bool:
        """Begin as many of the runs that are found as may go on at once; returns whether there was one."""
        found = list[StreamKey]()
        try:
            async for key, error in self._work.find(self._tasks):
                if error is None:
                    found.append(key)
                else:
                    self._failed(key, error)
            self._unread = frozenset()
        except IncompleteListing as error:
            for text in frozenset(error.unreadable) - self._unread:
                _LOGGER.warning("%s: %s", self._name, text)
            self._unread = frozenset(error.unreadable)
        if not found and not self._tasks and not self._told_idle:
            self._told_idle = True
            held = f"; other processes have {self._work.held} of its runs" if self._work.held else ""
            _LOGGER.info("%s: nothing is to be done now%s", self._name, held)
        random.shuffle(found)  # Workers that look at the same moment should not all try the same run first.
        for key in found:
            while len(self._tasks) >= self._limits.most and not self._stopping.is_set():
                await self._wait(None)
            if self._stopping.is_set():
                break
            self._begin(key)
        return bool(found)

    def _begin(self, key: StreamKey) -> None:
        task = asyncio.create_task(self._go_on(key))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._ended(key))

    def _ended(self, key: StreamKey) -> None:
        del self._tasks[key]
        self._changed.set()

    async def _go_on(self, key: StreamKey) -> None:
        try:
            request = FlowRequest(key.owner, key.id)
            result, head = await self._runs.take_over(self._steps(), request, partial(self._took, key))
        except LeaseHeld:
            return  # Another worker or a caller of resume() was quicker.
        except LightAgentError as error:
            self._failed(key, error)
        except Exception as error:
            _LOGGER.exception("%s: the run %r could not be gone on with", self._name, key.id)
            self._failed(key, LightAgentError(f"{type(error).__name__}: {error}"))
        else:
            self._work.tried(key, head)
            self._tell(key, result.status, result.error)

    def _took(self, key: StreamKey) -> None:
        _LOGGER.info("%s: goes on with run %r%s", self._name, key.id, of_owner(key.owner))

    def _failed(self, key: StreamKey, error: LightAgentError) -> None:
        self._work.tried(key, None)
        self._tell(key, None, error.info)

    def _tell(self, key: StreamKey, status: FlowStatus | None, error: LightAgentErrorInfo | None) -> None:
        self._told(WorkedRun(self._name, key.id, key.owner.tenant, key.owner.user, status, error))

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something has ended, the worker is stopped, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _end(self) -> None:
        """Wait for the runs that go on, and interrupt those that take too long."""
        if self._tasks and not self._hurried:
            _LOGGER.info("%s: stops once the runs that go on have ended: %d", self._name, len(self._tasks))
        try:
            async with asyncio.timeout(self._limits.grace):
                while self._tasks and not self._hurried:
                    await self._wait(None)
        except TimeoutError:
            _LOGGER.info("%s: interrupts the runs that still go on: %d", self._name, len(self._tasks))
