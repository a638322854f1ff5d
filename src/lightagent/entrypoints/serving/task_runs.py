"""Runs as tasks: each is carried out whoever listens, told to all who do, and remembered once it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.application.journal import Journal
from lightagent.application.serving.a2a_tasks import A2aTask
from lightagent.application.steps import Step
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.events import RunFinished
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.served_run import ServedRun

MOST_REMEMBERED: Final = 1000
"""Tasks that have ended and are in no store; the oldest give way."""

MOST_UNREAD: Final = 10_000
"""Steps that wait for one who listens; who is further behind is told nothing more."""

_LOG: Final = logging.getLogger("lightagent.serve")


@dataclass(frozen=True, slots=True)
class RememberedTask:
    """A task as it is, in this process.

    Attributes:
        model: as clients name it.
        journal: of its run; None of a flow.
        going: its run, where that goes on.
        interrupted: its process is gone, and the run goes on once somebody wants it to.
    """

    owner: Scope
    model: str
    task: A2aTask
    journal: Journal | None = None
    going: TaskRun | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One step of a run, and what it adds to the stream of its task."""

    step: Step
    updates: list[JsonObject]


class TaskRun:
    """A run that is carried out by a task of its own, and goes on when nobody listens.

    Args:
        ends: the reason for which the run ends as soon as it goes on: what it was told is on record by then.
    """

    def __init__(
        self, run: ServedRun, task: A2aTask, tasks: TaskRuns, owner: Scope, model: str, ends: str = ""
    ) -> None:
        self.run = run
        self.task = task
        self.owner = owner
        self.model = model
        self.error: LightAgentErrorInfo | None = None
        self.done: asyncio.Event = asyncio.Event()
        self._tasks = tasks
        self._ends = ends
        self._listeners = set[asyncio.Queue[Told | None]]()
        self._playing = asyncio.create_task(self._play())

    def listen(self) -> asyncio.Queue[Told | None]:
        """What is told from now on, None at the end, or once too much is unread."""
        listener: asyncio.Queue[Told | None] = asyncio.Queue()
        if self.done.is_set():
            listener.put_nowait(None)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: asyncio.Queue[Told | None]) -> None:
        """Nobody reads that any more."""
        self._listeners.discard(listener)

    async def _play(self) -> None:
        last: RunFinished | None = None
        try:
            async with self.run as run:
                async for step in run.steps:
                    if isinstance(step, RunFinished):
                        last = step  # Told once the run is closed and kept: a client may answer to it at once.
                    else:
                        self._tell(step)
                        if self._ends:
                            run.cancel(self._ends)
        except Exception as error:
            _LOG.warning("The run %s could not be served: %s", self.run.id, type(error).__name__, exc_info=error)
            self.error = classify_exception(error)
        finally:
            if last is not None and self.error is None:
                self._tell(last)
            self.run.forget()
            self._tasks.ended(self)
            self.done.set()
            for listener in self._listeners:
                listener.put_nowait(None)

    def _tell(self, step: Step) -> None:
        told = Told(step, self.task.feed(step))
        for listener in [*self._listeners]:
            listener.put_nowait(told)
            if listener.qsize() > MOST_UNREAD:
                self._listeners.discard(listener)
                listener.put_nowait(None)


class TaskRuns:
    """The tasks of one server, by their ids.

    Args:
        lasts: a store has the runs of agents, which may go on elsewhere: only those of flows are remembered here.
    """

    def __init__(self, *, lasts: bool) -> None:
        self._lasts = lasts
        self._going: dict[str, TaskRun] = {}
        self._ended: dict[str, RememberedTask] = {}

    def begin(self, run: ServedRun, task: A2aTask, owner: Scope, model: str, ends: str = "") -> TaskRun:
        """Have a run carried out.

        Args:
            ends: the reason for which it ends as soon as it goes on.
        """
        self._going[task.id] = going = TaskRun(run, task, self, owner, model, ends)
        return going

    def ended(self, run: TaskRun) -> None:
        """It goes on no more. One that failed to go on stays what it is on record."""
        if self._going.get(run.task.id) is run:
            del self._going[run.task.id]
        is_kept = run.run.journal is not None and (self._lasts or not run.task.ended)
        if run.error is None and not is_kept:
            self._ended[run.task.id] = RememberedTask(run.owner, run.model, run.task, run.run.journal)
        for oldest in [*self._ended][:-MOST_REMEMBERED]:
            del self._ended[oldest]

    def find(self, task_id: str, owner: Scope, model: str) -> RememberedTask | None:
        """The task of this owner's and this model's with this id."""
        going = self._going.get(task_id)
        if going is not None:
            found = RememberedTask(going.owner, going.model, going.task, going.run.journal, going)
        else:
            remembered = self._ended.get(task_id)
            if remembered is None:
                return None
            found = remembered
        return found if (found.owner, found.model) == (owner, model) else None

    def of_context(self, context_id: str, owner: Scope, model: str) -> Iterator[RememberedTask]:
        """The tasks of a conversation that have ended, the newest first."""
        for found in reversed([*self._ended.values()]):
            if (found.owner, found.model, found.task.context_id) == (owner, model, context_id):
                yield found
