"""A server as a child process: starts within a deadline, is stopped by its own process id, keeps its log.

The child's standard input is a pipe that only this process holds. Every child we start ends when that pipe
closes, so a killed test session leaves no server behind.
"""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02
STOP_SECONDS = 10.0
LISTENING = re.compile(r"[Ll]istening on (http://127\.0\.0\.1:\d+|postgresql://\S+(?=\n))")


class ServerError(Exception):
    """A test server could not be found, started or spoken to; the message says what to do."""


@dataclass(frozen=True)
class Child:
    """A running server process."""

    name: str
    pid: int
    url: str
    log: Path

    def log_tail(self, lines: int = 60) -> str:
        return tail(self.log, lines)


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    start_seconds: float,
    stop_seconds: float = STOP_SECONDS,
    env: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Start the command, wait until its log says "listening on URL", and stop it at the end."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sink, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )
    try:
        url = _wait_until_listening(name, process, log, start_seconds)
        yield Child(name, process.pid, url, log)
    finally:
        _stop(process, stop_seconds)


def free_port() -> int:
    """A port for a server that cannot choose one and say which, or on which nobody listens.

    It is none of those that systems give to whoever asks for any port, so nobody else is given it in between.
    """
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def server_logs(values: Iterable[object]) -> list[tuple[str, str]]:
    """Title and end of the log of each server among the values, such as a test's arguments."""
    had = [getattr(value, "child", None) for value in values]
    children = {child.pid: child for child in had if isinstance(child, Child)}
    return [(f"{child.name}: {child.log}", child.log_tail()) for child in children.values()]


def tail(log: Path, lines: int) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _wait_until_listening(name: str, process: subprocess.Popen[bytes], log: Path, start_seconds: float) -> str:
    deadline = time.monotonic() + start_seconds
    while True:
        ended = process.poll()
        found = LISTENING.search(log.read_text(errors="replace"))
        if found is not None and ended is None:
            return found[1]
        if ended is not None:
            raise ServerError(f"{name} ended with status {ended} before it listened.\n{_story(process, log)}")
        if time.monotonic() > deadline:
            raise ServerError(f"{name} did not listen within {start_seconds:g} s.\n{_story(process, log)}")
        time.sleep(POLL_SECONDS)


def _story(process: subprocess.Popen[bytes], log: Path) -> str:
    return f"command: {process.args!r}\nlog: {log}\n{tail(log, 40)}"


def _stop(process: subprocess.Popen[bytes], within: float) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it started
        process.wait(within)
