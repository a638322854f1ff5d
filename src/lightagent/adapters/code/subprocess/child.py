"""One program as a child process: fed, read, stopped at its limits, and gone with all that it started."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightagent.adapters.code._job_files import exchanged
from lightagent.adapters.code.subprocess.launcher import CLOSED, EXCHANGED, GO, NO_PROCESS, READY
from lightagent.adapters.code.subprocess.left_behind import end_marked
from lightagent.domain.code.programs import Channel, CodeLimits, CodeOutput, CodeResult
from lightagent.domain.errors import ConfigurationError, ToolError

_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 5.0
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Start:
    """How a child is started.

    Attributes:
        command: the whole command, given the descriptors of its control socket and of where to tell its first process.
        env: its whole environment; its ``TMPDIR`` is not shared with any other program.
        cwd: where it starts.
        is_isolated: whether it is bubblewrap, with which everything in its sandbox ends.
        inherited: descriptors that it is given besides; they stay open here.
    """

    command: Callable[[int, int], Sequence[str]]
    env: Mapping[str, str]
    cwd: str
    is_isolated: bool
    inherited: tuple[int, ...] = ()


async def run_child(start: Start, stdin: bytes, limits: CodeLimits, show: Callable[[CodeOutput], None]) -> CodeResult:
    """Run it to its end or to a limit. Nothing of it is left afterwards, also where this is cancelled.

    Raises:
        ConfigurationError: the isolation could not be set up; the text quotes what bubblewrap said.
        ToolError: this system starts no further process, or the folder was exchanged meanwhile.
    """
    child = await _started(start)
    try:
        await _ready(child)
        result = await _run(child, stdin, limits, show)
        if child.found_no_process():
            raise _no_process("the user that it runs as has as many as it may have")
        return result
    finally:
        await child.end()


def _no_process(why: str) -> ToolError:
    return ToolError(
        f"No process can be started for the program: {why}.",
        guidance="Try again later; this machine may have too little memory or too many processes.",
    )


class _TooMuch(Exception):
    """It wrote more than it may."""


class _Child:
    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, told: int, *, is_isolated: bool, mark: str
    ) -> None:
        self.process = process
        self._is_isolated = is_isolated
        self._mark = mark  # What the environment of all that it starts holds.
        self.control = control
        self._told = told  # Where bubblewrap tells the id of the first process in its sandbox.
        self._first: int | None = None
        self._supervisor: int | None = None
        if not is_isolated and hasattr(os, "pidfd_open"):
            with suppress(OSError):
                self._supervisor = os.pidfd_open(process.pid)

    def note_first(self) -> None:
        """Get hold of the first process of the sandbox: with it, all others end."""
        told = b""
        with suppress(OSError):
            told = os.read(self._told, _CHUNK)
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            number = json.loads(told)["child-pid"]
            self._first = os.pidfd_open(number)
            # Where the machine runs out of memory, this is ended first. From within nothing of /proc can be changed.
            Path(f"/proc/{number}/oom_score_adj").write_text("1000")

    def found_no_process(self) -> bool:
        """Whether the launcher reported that it could not start a process for the program."""
        try:
            return self.control.recv(1) == NO_PROCESS
        except OSError:
            return False

    async def end(self) -> None:
        """Kill what is left, and wait until it is gone."""
        self.control.close()  # A supervisor ends what it watches now.
        os.close(self._told)
        if not self._is_isolated and self.process.returncode is None:
            with suppress(ProcessLookupError):  # A program can have stopped it.
                self.process.send_signal(signal.SIGCONT)
        if self._first is None and self._is_isolated:
            with suppress(ProcessLookupError):
                self.process.kill()
        elif self._first is not None:
            with suppress(OSError):  # All others end with it, and bubblewrap itself once it has seen that.
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        try:
            await self._gone()
        finally:
            for held in (self._first, self._supervisor):
                if held is not None:
                    os.close(held)
            if self.process.returncode is None:
                with suppress(OSError):
                    os.killpg(self.process.pid, signal.SIGKILL)

    async def _work_of_the_supervisor(self) -> None:
        """Do it where a program has ended the supervisor, which it can without isolation.

        Its end is seen here before the event loop tells of it, which may take as long as what is left stays.
        """
        if self._supervisor is None:
            return
        await _readable(self._supervisor)
        if self.process.returncode is None or self.process.returncode < 0:
            end_marked(self._mark)

    async def _gone(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                # Output that is not read keeps the pipes open, and open pipes delay the end of the process.
                outputs = _drained(self.process.stdout), _drained(self.process.stderr)
                await asyncio.gather(*outputs, self._work_of_the_supervisor())
                await self.process.wait()
                if self._first is not None:
                    await _readable(self._first)


async def _started(start: Start) -> _Child:
    ours, theirs = socket.socketpair()
    told, tell = os.pipe()
    os.set_blocking(told, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *start.command(theirs.fileno(), tell),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(start.env),
            cwd=start.cwd,
            pass_fds=(theirs.fileno(), tell, *start.inherited),
            start_new_session=True,
        )
    except BaseException as error:
        ours.close()
        os.close(told)
        if isinstance(error, OSError):
            raise _no_process(error.strerror or "") from error
        raise
    finally:
        theirs.close()
        os.close(tell)
    ours.setblocking(False)
    return _Child(process, ours, told, is_isolated=start.is_isolated, mark=f"TMPDIR={start.env['TMPDIR']}")


async def _ready(child: _Child) -> None:
    """Have it begin, once it is where it should be; a parent that dies before leaves nothing behind."""
    loop = asyncio.get_running_loop()
    answer = b""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(_START_SECONDS):
            answer = await loop.sock_recv(child.control, 1)
    if answer == EXCHANGED:
        raise exchanged()
    if answer == CLOSED:
        raise ToolError(
            "The folder of the program cannot be entered, not even by the user that it belongs to.",
            guidance="Give that user the right to (chmod u+rwx).",
        )
    if answer != READY:
        raise await _refusal(child)
    child.note_first()
    with suppress(OSError):
        await loop.sock_sendall(child.control, GO)


async def _refusal(child: _Child) -> ConfigurationError:
    said = b""
    if child.process.stderr is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                said = await child.process.stderr.read(_CHUNK)
    return ConfigurationError(
        f"The isolation of a program could not be set up: {said.decode(errors='replace').strip():.500}",
        guidance="See that its folder is there and can be read, and type: lightagent doctor",
    )


async def _run(child: _Child, stdin: bytes, limits: CodeLimits, show: Callable[[CodeOutput], None]) -> CodeResult:
    loop = asyncio.get_running_loop()
    process = child.process
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Reader("stdout", limits.output, show), _Reader("stderr", limits.output, show)
    began = loop.time()
    truncated = False
    clock = asyncio.timeout(limits.seconds)
    with suppress(TimeoutError):
        async with clock:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_feed(process.stdin, stdin))
                    tasks.create_task(out.read(process.stdout))
                    tasks.create_task(err.read(process.stderr))
                    tasks.create_task(process.wait())
            except* _TooMuch:
                truncated = True
    code = None if truncated or clock.expired() else process.returncode
    return CodeResult(
        exit_code=128 - code if code is not None and code < 0 else code,
        stdout=out.text,
        stderr=err.text,
        truncated=truncated,
        timed_out=clock.expired(),
        seconds=loop.time() - began,
    )


async def _feed(stdin: asyncio.StreamWriter | None, data: bytes) -> None:
    if stdin is None:
        return
    with suppress(ConnectionError):  # It need not read to the end.
        stdin.write(data)
        await stdin.drain()
    stdin.close()


class _Reader:
    def __init__(self, channel: Channel, most: int, show: Callable[[CodeOutput], None]) -> None:
        self._channel: Channel = channel
        self._left = most
        self._show = show
        self._parts: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    @property
    def text(self) -> str:
        return "".join(self._parts)

    async def read(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(_CHUNK):
            kept, self._left = data[: self._left], self._left - len(data)
            self._take(self._decoder.decode(kept))
            if self._left < 0:
                raise _TooMuch
        self._take(self._decoder.decode(b"", final=True))

    def _take(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._show(CodeOutput(self._channel, text))


async def _drained(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(_CHUNK):
        pass


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_reader(descriptor, seen.set)
    try:
        await seen.wait()
    finally:
        loop.remove_reader(descriptor)
