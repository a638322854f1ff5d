"""A child process that never outlives this one, together with everything it starts in its process group.

A guard, a shell that only waits for its standard input to end, leads the group before the server exists. However this
program ends, the pipe closes, and the guard kills the group. A helper that leaves the group (`setsid`) escapes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from lightagent.domain.mcp.servers import StdioServer

GUARD: Final = "trap '' HUP INT TERM; read -r _; kill -s KILL -- \"-$$\""
GRACE: Final = 1.0
"""Seconds that a server has to end by itself after its input closed, and again after it was asked to."""

_LOOK_SECONDS: Final = 0.01


class GuardedProcess:
    """The server's process, with pipes, in the group of its guard. Started when it is made; this takes milliseconds.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(self, server: StdioServer) -> None:
        self._guard = _start_guard()
        try:
            self._process = subprocess.Popen(
                [server.command, *server.args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=dict(server.env),  # And nothing of the environment of this program.
                cwd=server.cwd,
                process_group=None if self._guard is None else self._guard.pid,
            )
        except BaseException:
            self._kill_group()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] = self._process.stdout
        self.stderr: IO[bytes] = self._process.stderr

    @property
    def returncode(self) -> int | None:
        """How it ended, where it did."""
        return self._process.poll()

    def when_ended(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> Callable[[], None]:
        """Call `then` in `loop` once the process has ended, also where a helper still holds its pipes.

        Returns what takes that back.
        """
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # Not on this system: then a helper that holds the pipes hides the end.
            return lambda: None

        def forget() -> None:
            nonlocal descriptor
            if descriptor >= 0:
                loop.remove_reader(descriptor)
                os.close(descriptor)
                descriptor = -1

        def ended() -> None:
            forget()
            then()

        loop.add_reader(descriptor, ended)
        return forget

    async def end(self, grace: float = GRACE) -> None:
        """Wait until it ends by itself, since its input is closed; then ask, and kill what is left of the group."""
        try:
            if not await self.has_ended(grace):
                self._signal(signal.SIGTERM)
                await self.has_ended(grace)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the group at once, from any thread, as often as wanted; what is dead already is only tidied up."""
        self._kill_group()
        with suppress(OSError):
            self._process.kill()
        self._process.wait()  # The pipes are closed by their reader and writer, which now see their end.

    async def has_ended(self, within: float) -> bool:
        """Whether it ends within so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while self._process.poll() is None:
            if loop.time() > until:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True

    def _signal(self, number: signal.Signals) -> None:
        with suppress(OSError):
            if self._guard is None:
                self._process.send_signal(number)
            else:
                os.killpg(self._guard.pid, number)

    def _kill_group(self) -> None:
        guard = self._guard
        if guard is None or guard.returncode is not None:
            return  # Its id may be that of another process by now.
        with suppress(OSError):
            os.killpg(guard.pid, signal.SIGKILL)
        if guard.stdin is not None:
            guard.stdin.close()
        guard.wait()


def _start_guard() -> subprocess.Popen[bytes] | None:
    if os.name != "posix":
        return None
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
        env={},
    )
