"""Runs as tasks: executed independently of listeners, broadcast to all of them, and remembered after their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.steps import Step
from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import RunFinished
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.serving.served_run import ServedRun

MOST_REMEMBERED: Final = 1000
"""Ended tasks that are kept in memory because no store has them; the oldest are dropped."""

MOST_UNREAD: Final = 10_000
"""Unread steps of one listener; a listener that falls further behind is dropped."""

_LOG: Final = logging.getLogger("lightagent.serve")


@dataclass(frozen=True, slots=True)
class RememberedTask:
    """A task as this process knows it.

    Attributes:
        model: the name by which clients select the model.
        journal: the journal of its run; None for a flow.
        active: its run, if it is active in this process.
        interrupted: the process that executed the run has died; the run is resumed on request.
    """

    owner: Scope
    model: str
    task: A2aTask
    journal: Journal | None = None
    active: TaskRun | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class TaskStep:
    """One step of a run, and the updates that it adds to the stream of its task."""

    step: Step
    updates: list[JsonObject]


class TaskRun:
    """A run that is executed in an asyncio task of its own, whether or not there are listeners.

    Args:
        ends: a reason to cancel the run after its first step, when the decisions it was resumed with are recorded;
            empty for none.
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
        self._listeners = set[asyncio.Queue[TaskStep | None]]()
        self._playing = asyncio.create_task(self._play())

    def listen(self) -> asyncio.Queue[TaskStep | None]:
        """Return a queue of the steps from now on. None marks the end, or that the listener was too slow."""
        listener: asyncio.Queue[TaskStep | None] = asyncio.Queue()
        if self.done.is_set():
            listener.put_nowait(None)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: asyncio.Queue[TaskStep | None]) -> None:
        """Remove a listener."""
        self._listeners.discard(listener)

    async def _play(self) -> None:
        last: RunFinished | None = None
        try:
            async with self.run as run:
                async for step in run.steps:
                    if isinstance(step, RunFinished):
                        last = step  # Sent after the run is closed and stored, since a client may answer it at once.
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
        task_step = TaskStep(step, self.task.feed(step))
        for listener in [*self._listeners]:
            listener.put_nowait(task_step)
            if listener.qsize() > MOST_UNREAD:
                self._listeners.discard(listener)
                listener.put_nowait(None)


class TaskRuns:
    """The tasks of one server, by id.

    Args:
        lasts: agent runs are in a store, so that other processes can resume them; only tasks of flows are then kept
            in memory after their end.
    """

    def __init__(self, *, lasts: bool) -> None:
        self._lasts = lasts
        self._active: dict[str, TaskRun] = {}
        self._ended: dict[str, RememberedTask] = {}

    def begin(self, run: ServedRun, task: A2aTask, owner: Scope, model: str, ends: str = "") -> TaskRun:
        """Start to execute a run.

        Args:
            ends: a reason to cancel the run after its first step; empty for none.
        """
        self._active[task.id] = active = TaskRun(run, task, self, owner, model, ends)
        return active

    def ended(self, run: TaskRun) -> None:
        """Move a task from the active to the ended ones, unless its run raised: then only its stored record counts."""
        if self._active.get(run.task.id) is run:
            del self._active[run.task.id]
        is_kept = run.run.journal is not None and (self._lasts or not run.task.ended)
        if run.error is None and not is_kept:
            self._ended[run.task.id] = RememberedTask(run.owner, run.model, run.task, run.run.journal)
        for oldest in [*self._ended][:-MOST_REMEMBERED]:
            del self._ended[oldest]

    def find(self, task_id: str, owner: Scope, model: str) -> RememberedTask | None:
        """Return the task with this id, if it has this owner and model."""
        active = self._active.get(task_id)
        if active is not None:
            found = RememberedTask(active.owner, active.model, active.task, active.run.journal, active)
        else:
            remembered = self._ended.get(task_id)
            if remembered is None:
                return None
            found = remembered
        return found if (found.owner, found.model) == (owner, model) else None

    def of_context(self, context_id: str, owner: Scope, model: str) -> Iterator[RememberedTask]:
        """Iterate over the remembered tasks of a conversation that have ended, newest first."""
        for found in reversed([*self._ended.values()]):
            if (found.owner, found.model, found.task.context_id) == (owner, model, context_id):
                yield found
