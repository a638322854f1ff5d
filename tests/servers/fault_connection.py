"""One connection of the fault server: reads HTTP/1.1 requests one after the other, sends answers byte for byte."""

import asyncio
import math
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from tests.servers.fault_records import RecordedConnection
from tests.servers.polling import ticks

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
WRITE_BUFFER = 65_536
LONG_REST = 10.0


@dataclass(frozen=True)
class RawRequest:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(eq=False)
class Connection(asyncio.Protocol):
    """Cancels its answer as soon as the client goes away."""

    record: RecordedConnection
    answer: Callable[["Connection", RawRequest], Awaitable[None]]
    failed: Callable[[BaseException], None]
    buffer: bytearray = field(default_factory=bytearray)
    writable: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    asked_turns: int = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER)
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._begin_next()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.record.closed_at = time.monotonic()
        if self.task is not None:
            self.task.cancel()

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)  # so that the loop can see that the client is gone
        await self.writable.wait()
        self.transport.write(data)
        self.record.sent += len(data)

    async def rest(self, seconds: float) -> None:
        self.record.resting = seconds >= LONG_REST
        await asyncio.sleep(seconds)
        self.record.resting = False

    async def turn(self) -> None:
        self.asked_turns += 1
        for pause in ticks(math.inf):
            if self.record.turns >= self.asked_turns:
                return
            await asyncio.sleep(pause)

    def end(self, how: str) -> None:
        if how == "rst":
            found: socket.socket = self.transport.get_extra_info("socket")
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.transport.abort()
        else:
            self.transport.close()

    def _begin_next(self) -> None:
        if self.task is not None or self.transport.is_closing():
            return
        request = take_request(self.buffer)
        if request is not None:
            self.task = asyncio.ensure_future(self._answer(request))
            self.task.add_done_callback(self._answered)

    async def _answer(self, request: RawRequest) -> None:
        await self.answer(self, request)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed(error)
            self.transport.abort()
        self._begin_next()


def take_request(buffer: bytearray) -> RawRequest | None:
    """Take a complete request from the start of the buffer, if there is one."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    headers = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    size = sum(int(value) for name, value in headers if re.fullmatch("content-length", name, re.IGNORECASE))
    if len(buffer) < end + 4 + size:
        return None
    body = bytes(buffer[end + 4 : end + 4 + size])
    del buffer[: end + 4 + size]
    method, path, _version = first.split(" ", 2)
    return RawRequest(method, path, headers, body)
