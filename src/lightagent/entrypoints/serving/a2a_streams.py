"""The stream of a task: server-sent events, which may begin in mid-run, and whose end is no end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from starlette.types import Receive, Scope, Send

from lightagent.application.serving.a2a_errors import rpc_result, rpc_run_error
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.entrypoints.serving.connections import Watched
from lightagent.entrypoints.serving.event_stream import STREAM_HEADERS, EventWriter
from lightagent.entrypoints.serving.task_runs import TaskRun
from lightagent.settings.serve_schema import ServeSettings


class TaskStream:
    """The response to a request for a stream: an ASGI application of its own. It begins with the whole task.

    Args:
        call_id: of the call of JSON-RPC that is answered.
        headers: besides those of every stream.
    """

    def __init__(self, going: TaskRun, call_id: JsonValue, settings: ServeSettings, headers: Mapping[str, str]) -> None:
        self._going = going
        self._call_id = call_id
        self._settings = settings
        self._headers = {**STREAM_HEADERS, **headers}
        self._listener = going.listen()
        self._first: JsonObject = {"task": going.task.snapshot()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
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
            self._going.leave(self._listener)

    def _ending(self, writer: EventWriter) -> Callable[[], None]:
        """What happens when the client leaves: the stream ends, and the run goes on."""

        def left() -> None:
            writer.gone = True
            self._listener.put_nowait(None)

        return left

    async def _write(self, writer: EventWriter) -> None:
        updates = [self._first]
        while not writer.gone:
            if updates:
                await writer.write(b"".join(_frame(rpc_result(self._call_id, update)) for update in updates))
            told = await self._listener.get()
            if told is None:
                break
            updates = told.updates
        if self._going.error is not None:
            await writer.write(_frame(rpc_run_error(self._going.error, self._call_id)))


def _frame(told: JsonObject) -> bytes:
    return b"data: " + encode_json(told) + b"\n\n"
