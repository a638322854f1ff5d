"""Programs that mean harm reach nothing: no secret, no file, no network, no process outside of their sandbox."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lightagent.adapters.code.monty import MontyRunner
from lightagent.adapters.code.subprocess import SubprocessRunner
from lightagent.adapters.code.subprocess.bubblewrap import Bubblewrap, find_bubblewrap
from lightagent.domain.code.programs import CodeJob, CodeLimits, CodeResult, CodeText
from lightagent.ports.code import CodeRunner
from tests.support.hostile_programs import PROGRAMS

SECRET = "canary-c0ffee-5eed"
AT_ONCE = 4
WHOLE = os.environ.get("TEST_CODE_PROGRAMS") == "whole"
LIMITS = CodeLimits(seconds=20)


@dataclass
class Surroundings:
    """What lies around a sandbox, and must not be reached from within."""

    secret_file: Path
    port: int
    local: str
    visitors: list[str]

    def new_file(self, number: int) -> Path:
        """What the program of this number tries to write."""
        return self.secret_file.with_name(f"new-{number}.txt")

    def stdin(self, number: int) -> str:
        """What the program of this number is told."""
        return f"{self.secret_file}\n{self.new_file(number)}\n{self.port}\n{self.local}\n"

    def leaks(self, number: int, done: CodeResult) -> list[str]:
        """What it reached."""
        said = done.stdout + done.stderr
        found = ["a secret"] if SECRET in said or "root:x:0:0" in said else []
        return [*found, "a file was written"] if self.new_file(number).exists() else found


@pytest.fixture
async def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surroundings]:
    monkeypatch.setenv("HOSTILE_SECRET", SECRET)
    # As easily read as can be: what is out of reach is not so for lack of rights.
    folder = tmp_path / "outside"
    folder.mkdir()
    for path in (*tmp_path.parents[:3], tmp_path, folder):
        with suppress(OSError):
            path.chmod(0o755 if path != folder else 0o777)
    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    (folder / "outside.py").write_text(f"print({SECRET!r})\n")
    visitors: list[str] = []
    # What it has in its environment and among its arguments, other processes can read.
    bystander = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", "read -r _", SECRET), env={"HOSTILE_SECRET": SECRET}, stdin=asyncio.subprocess.PIPE
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        local = str(folder / "local.sock")
        servers = await _servers(local, visitors)
        port = servers[0].sockets[0].getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        datagrams.setblocking(False)
        yield Surroundings(secret, port, local, visitors)
        with suppress(BlockingIOError):
            visitors.append(f"UDP {datagrams.recv(99)!r}")
    await bystander.communicate(b"\n")
    for server in servers:
        server.close()
        await server.wait_closed()
    assert visitors == []


async def _servers(local: str, visitors: list[str]) -> list[asyncio.Server]:
    def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append("a connection")
        writer.close()

    return [
        await asyncio.start_server(visited, "127.0.0.1", 0),
        await asyncio.start_unix_server(visited, local),
        await asyncio.start_unix_server(visited, "\0" + local),
    ]


async def reached(runner: CodeRunner, around: Surroundings, programs: Mapping[str, str]) -> dict[str, list[str]]:
    """What each program reached, where it reached anything."""
    places = asyncio.Semaphore(AT_ONCE)
    found: dict[str, list[str]] = {}

    async def attempt(number: int, name: str, source: str) -> None:
        async with places:
            done = await runner.run(CodeJob(CodeText(source), stdin=around.stdin(number), limits=LIMITS))
        leaks = around.leaks(number, done)
        if done.timed_out:
            leaks.append("it did not end")
        if leaks:
            found[name] = leaks

    async with asyncio.TaskGroup() as tasks:
        for number, (name, source) in enumerate(programs.items()):
            tasks.create_task(attempt(number, name, source))
    return found


def test_there_are_programs_of_every_kind() -> None:
    assert len(PROGRAMS) > 80


async def test_monty_lets_nothing_out(around: Surroundings) -> None:
    assert await reached(MontyRunner(), around, PROGRAMS) == {}


@pytest.mark.needs("bubblewrap")
async def test_a_sandbox_lets_nothing_out(around: Surroundings) -> None:
    assert await reached(SubprocessRunner(), around, PROGRAMS) == {}


@pytest.mark.needs("bubblewrap")
@pytest.mark.skipif(os.geteuid() != 0, reason="users other than root have this sandbox anyway")
async def test_a_sandbox_with_a_user_namespace_lets_nothing_out(around: Surroundings) -> None:
    found = find_bubblewrap()
    runner = SubprocessRunner(bubblewrap=Bubblewrap(found.path, "namespace", disable_user_namespaces=True))
    some = dict(list(PROGRAMS.items())[:: 1 if WHOLE else 4])
    assert await reached(runner, around, some) == {}


async def test_the_programs_reach_all_that_without_a_sandbox(around: Surroundings) -> None:
    """So that it shows: these programs do find what they are after where nothing keeps them from it."""
    runner = SubprocessRunner(allow_unisolated=True, bubblewrap="/nowhere")
    reaching = (
        "environment: every process's file",
        "files: open",
        "files: mmap",
        "behind the back: subclasses of object",
    )
    visiting = ("network: a socket", "network: urllib", "network: a local socket", "network: an abstract socket")
    found = await reached(runner, around, {name: PROGRAMS[name] for name in (*reaching, *visiting)})
    assert found.keys() == set(reaching)
    assert len(around.visitors) == len(visiting)
    around.visitors.clear()
