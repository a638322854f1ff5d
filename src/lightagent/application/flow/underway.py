"""The concurrent work in a run of a flow: tasks by key, a limited number at once, and timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Final, ParamSpec, TypeAlias

from lightagent.aiokits.abandon import stop

P = ParamSpec("P")

MOST_AT_ONCE: Final = 16
"""Attempts of one run that are made at the same time."""

WorkKey: TypeAlias = tuple[str, int, str]
"""A path, its epoch, and the kind of work."""


class Underway:
    """The tasks of one run.

    Args:
        changed: is called when something else may go on: all has ended, an attempt may begin, or one has failed.
        most: attempts at the same time.

    Attributes:
        failure: an exception of one of them that fails the run rather than a step.
    """

    def __init__(self, changed: Callable[[], None], most: int = MOST_AT_ONCE) -> None:
        self._changed = changed
        self._most = most
        self._tasks: dict[WorkKey, asyncio.Task[None]] = {}
        self._alarms: dict[WorkKey, asyncio.TimerHandle] = {}
        self._after: dict[WorkKey, list[Callable[[], None]]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._attempts: set[WorkKey] = set()
        self._given_up: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.failure: BaseException | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no task is under way, and no timer is set."""
        return not self._tasks and not self._alarms and not self._stopping

    @property
    def is_full(self) -> bool:
        """Whether no further attempt may begin now."""
        return len(self._attempts) >= self._most

    def waits_for(self, keys: Collection[WorkKey]) -> bool:
        """Whether only these are under way, or about to begin."""
        going_on = [key for key, task in self._tasks.items() if not task.done()]
        begins = self._attempts.difference(self._tasks)
        return not self._alarms and not self._stopping and all(key in keys for key in (*going_on, *begins))

    def seconds_left(self) -> float:
        """Seconds until the first timer, if nothing else is under way; else 0."""
        if self._tasks or self._stopping or not self._alarms:
            return 0.0
        return min(alarm.when() for alarm in self._alarms.values()) - asyncio.get_running_loop().time()

    def reserve(self, key: WorkKey) -> None:
        """Count an attempt that is about to begin."""
        self._attempts.add(key)

    def is_begun(self, key: WorkKey) -> bool:
        """Whether this task is under way, or about to begin."""
        return key in self._tasks or key in self._attempts

    def after(self, key: WorkKey, call: Callable[[], None]) -> bool:
        """Call a function once this task has ended; returns False without calling if it is not under way."""
        if not self.is_begun(key):
            return False
        self._after.setdefault(key, []).append(call)
        return True

    def begin(
        self,
        key: WorkKey,
        work: Callable[P, Coroutine[object, object, None]],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> None:
        """Begin work in a task of its own."""
        self._tasks[key] = self._loop.create_task(self._do(key, work, *arguments, **named))

    async def _do(
        self,
        key: WorkKey,
        work: Callable[P, Coroutine[object, object, None]],
        /,
        *arguments: P.args,
        **named: P.kwargs,
    ) -> None:
        """Run the work and mark it as ended within its task: the reader of its report sees at once that it is over."""
        try:
            await work(*arguments, **named)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failure = self.failure or error
            if not isinstance(error, Exception):
                raise
        finally:
            self._ended(key)

    def wake(self, key: WorkKey, seconds: float, call: Callable[[], None]) -> None:
        """Call a function after so many seconds."""

        def ring() -> None:
            del self._alarms[key]
            call()

        self._silence(key)
        self._alarms[key] = asyncio.get_running_loop().call_later(max(seconds, 0.0), ring)

    def stop(self, key: WorkKey, then: Callable[[], None]) -> None:
        """Cancel something, and call `then` once it has ended or is given up; soon if nothing runs under the key."""
        self._silence(key)
        stopping = asyncio.create_task(self._stop(key, then))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopped)

    async def stop_all(self) -> None:
        """Cancel everything, and wait for its end as long as that may take."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()
        await stop((*self._tasks.values(), *self._stopping))

    async def _stop(self, key: WorkKey, then: Callable[[], None]) -> None:
        task = self._tasks.get(key)
        if task is not None:
            self._given_up |= await stop((task,))
            if self._tasks.get(key) is task:  # It does not end, or never began. Nothing waits for it any more.
                self._forget(key)
        then()

    def _silence(self, key: WorkKey) -> None:
        alarm = self._alarms.pop(key, None)
        if alarm is not None:
            alarm.cancel()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._stopping.discard(task)
        self._changed()

    def _ended(self, key: WorkKey) -> None:
        was_full = self.is_full
        if not self._given_up or asyncio.current_task() not in self._given_up:
            self._forget(key)
            for call in self._after.pop(key, ()):
                call()
        if was_full or not self._tasks or self.failure is not None:
            self._changed()

    def _forget(self, key: WorkKey) -> None:
        self._tasks.pop(key, None)
        self._attempts.discard(key)
