"""Programs run each in a process of its own, which begins with the package imported: it is forked from one that has it.

So a program costs what it does itself, and not the second that the imports take. What an interpreter does that starts
anew is for the tests that start one, such as those of the imports. `python -m tests.support.warm_programs` is the
process that forks.
"""

from __future__ import annotations

import gc
import io
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryDirectory

from lightagent.entrypoints.cli.command_table import COMMANDS
from lightagent.entrypoints.cli.lazy_group import load_command

ROOT = Path(__file__).parents[2]
WARM = (
    "lightagent.entrypoints.cli.app",
    "lightagent.flow",
    "lightagent.adapters.chat.openai",
    "lightagent.adapters.journals.files",
    "lightagent.adapters.journals.sqlite",
    "aiohttp",
    "pydantic",
    "jsonschema",
)
SECONDS = 55
"""A watchdog for a program."""

STREAMS = ("stdin", "stdout", "stderr")


class WarmPrograms:
    """The process that forks, which is started when it is first needed, and again after a program took too long."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self,
        program: Path,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str],
        stdin: str = "",
        together: bool = False,
    ) -> CompletedProcess[str]:
        """Run a file as `python -W error FILE ARGUMENTS` in this folder, with this environment alone.

        Args:
            together: whether what goes to standard error is told with what goes to standard output, in its order.
        """
        process = self._process or self._started()
        with TemporaryDirectory() as kept:
            streams = [Path(kept) / name for name in STREAMS]
            streams[0].write_text(stdin, encoding="utf-8")
            told = [*streams[:2], streams[1 if together else 2]]
            order = [[str(program), *arguments], str(folder), dict(environment), *map(str, told)]
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], SECONDS)[0]:
                self.close()
                raise TimeoutExpired([str(program)], SECONDS, *map(_read, streams[1:]))
            code = int(process.stdout.readline())
            return CompletedProcess([str(program)], code, *map(_read, streams[1:]))

    def close(self) -> None:
        """End the process, and a program that it may be waiting for."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        command, pipe = [sys.executable, "-W", "error", "-m", "tests.support.warm_programs"], subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
        return self._process


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main() -> None:
    """Fork for each order of standard input, and tell how its program ended; return in the fork, to run it."""
    for name in WARM:
        import_module(name)
    for command in COMMANDS:
        load_command(command)
    gc.freeze()
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    while line := orders.readline():
        child = os.fork()
        if not child:
            orders.close()
            _become(*json.loads(line))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(1, f"{code}\n".encode())
    os._exit(0)


def _become(command: list[str], folder: str, environment: dict[str, str], *streams: str) -> None:
    """Make this process one that has just been started to run the program."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    sys.argv, sys.path[0] = command, str(Path(command[0]).parent)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
        raw = os.fdopen(number, "rb" if number == 0 else "wb", closefd=False)
        setattr(sys, STREAMS[number], io.TextIOWrapper(raw, encoding="utf-8", line_buffering=number == 2))


if __name__ == "__main__":
    main()
    runpy.run_path(sys.argv[0], run_name="__main__")
