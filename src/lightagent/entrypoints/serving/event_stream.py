"""Server-sent events of a run: written as they come, kept alive in silence, cut where nobody reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from lightagent.application.serving.projections import StreamProjection
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.events import RunFinished
from lightagent.entrypoints.serving.connections import CLIENT_LEFT, Watched
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.settings.serve_schema import ServeSettings

STREAM_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
"""No proxy may hold a stream back, or pack it."""

_AT_ONCE: Final = 32
"""Frames that a model which never waits may send before the event loop has its turn: to send, and to see who left."""

_ALIVE: Final = b": alive\n\n"

_LOG: Final = logging.getLogger("lightagent.serve")


class EventWriter:
    """Writes frames to one client.

    Attributes:
        gone: nobody reads any more; what is written from then on is dropped.
        stuck: the client took nothing for too long.
    """

    def __init__(self, send: Send, settings: ServeSettings) -> None:
        self._send = send
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._since: float | None = None
        self._written = 0
        self.gone: bool = False
        self.stuck: bool = False

    async def open(self, headers: Mapping[str, str]) -> None:
        """Send the headers, which leave at once."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def write(self, frames: bytes) -> None:
        """Send whole frames; returns once the client's connection has room again."""
        self._written += 1
        if self._written % _AT_ONCE == 0:
            await asyncio.sleep(0)
        if self.gone:
            return
        self._since = self._loop.time()
        try:
            await self._send({"type": "http.response.body", "body": frames, "more_body": True})
        except OSError:
            self.gone = True
        self._last, self._since = self._loop.time(), None

    async def close(self) -> None:
        """End the stream."""
        if not self.gone:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def beat(self, owner: asyncio.Task[object]) -> None:
        """Say in silence that the stream is alive, and cancel its owner once the client takes nothing any more."""
        pause = min(self._settings.heartbeat_seconds, self._settings.reader_seconds)
        while not self.gone:
            now = self._loop.time()
            if self._since is not None and now - self._since >= self._settings.reader_seconds:
                self.gone = self.stuck = True
                owner.cancel()
                return
            if self._since is None and now - self._last >= self._settings.heartbeat_seconds:
                await self.write(_ALIVE)
            await asyncio.sleep(max(0.001, min(pause, self._last + pause - now)))


class RunEventStream:
    """The response to a request for a stream: an ASGI application of its own.

    Args:
        run: not begun yet.
        headers: besides those of every stream.
    """

    def __init__(
        self, run: ServedRun, projection: StreamProjection, settings: ServeSettings, headers: Mapping[str, str]
    ) -> None:
        self.run: ServedRun = run
        self._projection = projection
        self._settings = settings
        self._headers = {**STREAM_HEADERS, **headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        writer = EventWriter(send, self._settings)
        owner = asyncio.current_task()
        assert owner is not None, "a coroutine of asyncio runs in a task"
        beating = asyncio.create_task(writer.beat(owner))
        try:
            async with Watched(receive, lambda: self._left(writer)):
                await writer.open(self._headers)
                await writer.write(self._projection.begin())
                await self._play(writer)
                await writer.close()
        except asyncio.CancelledError:
            if not writer.stuck:
                raise
            owner.uncancel()
        finally:
            beating.cancel()
            self.run.forget()

    def _left(self, writer: EventWriter) -> None:
        writer.gone = True
        if self._settings.on_disconnect == "cancel":
            self.run.cancel(CLIENT_LEFT)

    async def _play(self, writer: EventWriter) -> None:
        last = b""  # Written once the run is closed and kept: a client may answer to it at once.
        try:
            async with self.run as run:
                async for step in run.steps:
                    frames = self._projection.feed(step)
                    if isinstance(step, RunFinished):
                        last = frames
                    elif frames:
                        await writer.write(frames)
            await writer.write(last)
        except Exception as error:
            _LOG.warning("The run %s could not be served: %s", self.run.id, type(error).__name__, exc_info=error)
            await writer.write(self._projection.fail(classify_exception(error)))
