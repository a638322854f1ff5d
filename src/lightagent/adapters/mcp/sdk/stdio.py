"""The transport over a child's standard input and output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Final

import anyio

from lightagent.adapters.mcp.sdk.faults import fault_error
from lightagent.adapters.mcp.sdk.lines import LineSplitter, LongLine
from lightagent.adapters.mcp.sdk.pipe import Pipe, PipeReader, PipeWriter, Said
from lightagent.adapters.mcp.sdk.process import GuardedProcess
from lightagent.domain.mcp.servers import McpServer, StdioServer

WRITE_SECONDS: Final = 30.0
"""A server that reads nothing for so long is given up; the SDK's time limits begin only once a request is written."""

DRAIN_SECONDS: Final = 0.1
"""How long the output of a process that has ended is read, where a helper of it still holds the pipe."""

_CHUNK: Final = 1 << 16
_SHOWN: Final = 500


@asynccontextmanager
async def stdio_streams(
    server: McpServer,
    connection: StdioServer,
    over: Callable[[str], None],
    said: Said,
    started: Callable[[Callable[[], None]], None],
) -> AsyncGenerator[tuple[PipeReader, PipeWriter]]:
    """Start the server, and end it and everything in its process group at the end.

    Args:
        over: told once the server takes no request any more.
        started: told how everything can be killed at once.

    Raises:
        OSError: the command cannot be started.
    """
    process = GuardedProcess(connection)
    with ExitStack() as closing:  # Also where the loop ends in the midst of it, and what would wait is cancelled.
        closing.callback(process.kill)
        started(process.kill)
        unread = closing.enter_context(ExitStack())  # Closes the pipes until all of them are read and written.
        for file in (process.stdin, process.stdout, process.stderr):
            unread.callback(file.close)
        loop = asyncio.get_running_loop()
        output, errors = asyncio.StreamReader(_CHUNK), asyncio.StreamReader(_CHUNK)
        reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        closing.callback(reading.close)
        listening, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(errors), process.stderr)
        closing.callback(listening.close)
        written = asyncio.StreamReader()  # Nothing comes back there but the end.
        protocol = asyncio.StreamReaderProtocol(written)
        writing, _ = await loop.connect_write_pipe(lambda: protocol, process.stdin)
        closing.callback(_abort, writing, written)
        unread.pop_all()
        # Where a helper of a server that has ended holds the pipe, the output would have no end. What is in it is read.
        closing.callback(process.when_ended(loop, partial(_close_later, loop, reading)))
        log = loop.create_task(_listen(errors, said), name=f"lightagent-mcp-{server.name}-stderr")
        closing.callback(log.cancel)
        pipe = Pipe(server.max_bytes, over, said)
        stdin = _Stdin(asyncio.StreamWriter(writing, protocol, None, loop), pipe)
        stdout = _Stdout(output, pipe, partial(_how_it_ended, process, log))
        try:
            yield PipeReader(pipe, stdout.more), PipeWriter(pipe, stdin.write)
        finally:
            writing.close()
            with anyio.CancelScope(shield=True):
                await process.end()


def _abort(pipe: asyncio.WriteTransport, ended: asyncio.StreamReader) -> None:
    """Throw away what could not be written; a pipe that has ended already cannot be ended again."""
    if not ended.at_eof():
        pipe.abort()


def _close_later(loop: asyncio.AbstractEventLoop, output: asyncio.ReadTransport) -> None:
    loop.call_later(DRAIN_SECONDS, output.close)


async def _how_it_ended(process: GuardedProcess, log: asyncio.Task[None]) -> str:
    """Return why the output ended, after reading what the server wrote to its standard error until then."""
    ended = await process.has_ended(DRAIN_SECONDS)
    await asyncio.wait([log], timeout=DRAIN_SECONDS)
    if not ended or (status := process.returncode) is None:
        return "the server closed its output"
    return f"the server was ended by signal {-status}" if status < 0 else f"the server has ended with status {status}"


class _Stdout:
    def __init__(self, output: asyncio.StreamReader, pipe: Pipe, ended: Callable[[], Awaitable[str]]) -> None:
        self._output = output
        self._pipe = pipe
        self._ended = ended
        self._splitter = LineSplitter(pipe.limit)

    async def more(self) -> str:
        try:
            chunk = await self._output.read(_CHUNK)
        except OSError:
            chunk = b""
        for line in self._splitter.feed(chunk):
            if isinstance(line, LongLine):
                self._pipe.too_long(line)
            else:
                self._pipe.take(line)
        return "" if chunk else await self._ended()


class _Stdin:
    def __init__(self, writer: asyncio.StreamWriter, pipe: Pipe) -> None:
        self._writer = writer
        self._pipe = pipe

    async def write(self, data: bytes) -> None:
        closed = self._writer.is_closing()
        if not closed:
            self._writer.write(data + b"\n")
        why = "the server closed its input"
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._writer.drain()
            if not closed:
                return
        except ConnectionError:
            pass
        except TimeoutError:
            why = f"the server read nothing for {WRITE_SECONDS:g} s"
        self._pipe.give_up(why)
        raise fault_error("unsent" if closed else "lost", why)


async def _listen(errors: asyncio.StreamReader, said: Said) -> None:
    splitter = LineSplitter(_CHUNK)
    while chunk := await errors.read(_CHUNK):
        for line in splitter.feed(chunk):
            if not isinstance(line, LongLine):
                said(line[:_SHOWN].decode(errors="replace"))
