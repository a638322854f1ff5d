"""Server-sent events of a run, with heartbeats while it is silent; stopped when the client disconnects or stalls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from lightagent.application.serving.projections import StreamProjection
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.connections import CLIENT_LEFT, Watched
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.settings.sections.serve import ServeSettings

STREAM_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
"""Headers of every stream; they keep proxies from buffering or compressing it."""

_AT_ONCE: Final = 32
"""Frames after which control returns to the event loop, so that it sends them and notices a disconnect."""

_ALIVE: Final = b": alive\n\n"

_LOG: Final = logging.getLogger("lightagent.serve")


class EventWriter:
    """Writes frames to one client.

    Attributes:
        gone: the client has disconnected or stalled; further frames are dropped.
        stuck: the client did not read for `reader_seconds`.
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
        """Send the headers at once."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def write(self, frames: bytes) -> None:
        """Send complete frames. Waits while the send buffer of the connection is full."""
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
        """Send heartbeats while the stream is silent, and cancel its owner when the client has stopped reading."""
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
    """A streaming response with the events of a run, as an ASGI application.

    Args:
        run: a run that has not started yet.
        projection: encodes its steps in the format of the protocol.
        headers: added to those of every stream.
    """

    def __init__(
        self, run: ServedRun, projection: StreamProjection, settings: ServeSettings, headers: Mapping[str, str]
    ) -> None:
        self.run: ServedRun = run
        self._projection = projection
        self._settings = settings
        self._headers = {**STREAM_HEADERS, **headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Execute the run and send its events."""
        writer = EventWriter(send, self._settings)
        owner = asyncio.current_task()
        assert owner is not None, "a coroutine of asyncio runs in a task"
        beating = asyncio.create_task(writer.beat(owner))
        try:
            async with Watched(receive, lambda: self._on_gone(writer)):
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

    def _on_gone(self, writer: EventWriter) -> None:
        writer.gone = True
        if self._settings.on_disconnect == "cancel":
            self.run.cancel(CLIENT_LEFT)

    async def _play(self, writer: EventWriter) -> None:
        last = b""  # Sent after the run is closed and stored, since a client may answer it at once.
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
