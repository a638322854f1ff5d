"""The stream of a task, as server-sent events. A client may join it during the run and leave without ending the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.types import Receive, Scope, Send

from lightagent.application.serving.a2a.errors import Binding
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.serving.connections import Watched
from lightagent.entrypoints.serving.event_stream import STREAM_HEADERS, EventWriter
from lightagent.entrypoints.serving.task_runs import TaskRun
from lightagent.settings.sections.serve import ServeSettings


class TaskStream:
    """A streaming response, as an ASGI application. The first event is the whole task as it is at that moment.

    Args:
        binding: encodes the events.
        headers: added to those of every stream.
    """

    def __init__(
        self, task_run: TaskRun, binding: Binding, settings: ServeSettings, headers: Mapping[str, str]
    ) -> None:
        self._task_run = task_run
        self._binding = binding
        self._settings = settings
        self._headers = {**STREAM_HEADERS, **headers}
        self._listener = task_run.listen()
        self._first: JsonObject = {"task": task_run.task.snapshot()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream until the run ends or the client disconnects."""
        writer = EventWriter(send, self._settings)
        owner = asyncio.current_task()
        assert owner is not None, "a coroutine of asyncio runs in a task"
        beating = asyncio.create_task(writer.beat(owner))
        try:
            async with Watched(receive, self._ending(writer)):
                await writer.open(self._headers)
                await self._write(writer)
                await writer.close()
        except asyncio.CancelledError:
            if not writer.stuck:
                raise
            owner.uncancel()
        finally:
            beating.cancel()
            self._task_run.leave(self._listener)

    def _ending(self, writer: EventWriter) -> Callable[[], None]:
        """Return the callback for a disconnect: it ends the stream; the run continues."""

        def on_gone() -> None:
            writer.gone = True
            self._listener.put_nowait(None)

        return on_gone

    async def _write(self, writer: EventWriter) -> None:
        updates = [self._first]
        while not writer.gone:
            if updates:
                await writer.write(b"".join(self._binding.event(update) for update in updates))
            task_step = await self._listener.get()
            if task_step is None:
                break
            updates = task_step.updates
        if self._task_run.error is not None:
            await writer.write(self._binding.error_event(self._task_run.error))
