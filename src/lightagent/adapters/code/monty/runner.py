"""Runs a safe subset of Python with Monty, an interpreter that can reach nothing unless it is handed to it."""

from __future__ import annotations

import asyncio
import io
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from lightagent.adapters.code._job_files import held
from lightagent.adapters.code.monty.mounts_and_guard import FOLDER, guarded, mounted, read_source
from lightagent.adapters.code.monty.output import Output
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.code.programs import CodeJob, CodeLimits, CodeOutput, CodeResult, Language, limits_of
from lightagent.domain.errors import ToolError
from lightagent.ports.code import CodeRunner, discard_output

if TYPE_CHECKING:
    from pydantic_monty import AsyncMontySession, MountDir, OSPolicy, ResourceLimits

_CRASHED: Final = 134
_SPARE_SECONDS: Final = 1.0
"""How much longer Monty itself lets a program run, which matters once this program has stopped watching it."""
_MOST_CALLS: Final = 1_000_000
_NOTES: Final = (
    "This is a subset of Python: functions, classes, comprehensions and exceptions, with the modules asyncio, base64, "
    "bisect, collections, copy, csv, dataclasses, datetime, decimal, functools, hashlib, itertools, json, math, "
    "os.path, pathlib, random, re, time and typing, and no others. Network and environment are not available; input() "
    "reads a line of standard input and raises OSError at its end, since EOFError is not known here; "
    "exit(code) ends the program. Print what you want to see."
)


class MontyRunner(CodeRunner):
    """Runs Python programs in the interpreter Monty, in a process of its own for each; on every system.

    It knows a part of the language and few modules, which its notes name, and no arguments of programs. There is
    nothing in it that could reach files, the network or other processes but the job's folder.

    Args:
        limits: beyond which no job goes. A program has one process; a limit of `processes` means nothing here.
    """

    def __init__(self, *, limits: CodeLimits | None = None) -> None:
        self._limits = limits_of(limits)

    @property
    def name(self) -> str:
        return "monty"

    @property
    def languages(self) -> frozenset[Language]:
        return frozenset({"python"})

    @property
    def notes(self) -> str:
        return f"Programs run for at most {self._limits.seconds:g} seconds. {_NOTES}"

    async def run(self, job: CodeJob, show: Callable[[CodeOutput], None] = discard_output) -> CodeResult:
        _refuse(job)
        limits = self._limits if job.limits is None else job.limits.within(self._limits)
        if job.folder is None:
            private = await run_in_thread(tempfile.mkdtemp, prefix="lightagent-code-")
            try:
                return await self._run(job, private, limits, show)
            finally:
                await run_in_thread(os.rmdir, private)  # What was written there was in memory only.
        with held(job.folder) as path:
            return await self._run(job, path, limits, show)

    async def _run(
        self, job: CodeJob, folder: str, limits: CodeLimits, show: Callable[[CodeOutput], None]
    ) -> CodeResult:
        source = await run_in_thread(read_source, job, folder)
        with mounted(job, folder, limits) as mount:
            return await _Run(source, job.stdin, mount, limits, show).result()

    async def aclose(self) -> None:
        """Nothing is open."""


class _Run:
    """One program in a worker of its own, which takes a few milliseconds to start."""

    def __init__(
        self, source: str, stdin: str, mount: MountDir, limits: CodeLimits, show: Callable[[CodeOutput], None]
    ) -> None:
        self._source = source
        self._mount = mount
        self._limits = limits
        self._output = Output(limits.output, show)
        self._asked: tuple[object, str] = None, ""  # What exit() was called with last, and what it raised.
        self._lines = io.StringIO(stdin.encode(errors="replace").decode(), newline="\n")

    async def result(self) -> CodeResult:
        """Run it to its end or to a limit; nothing of it is left then, nor where this is cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        code: int | None = None
        clock = asyncio.timeout(self._limits.seconds)
        with suppress(TimeoutError):
            async with clock:
                code = await self._exit_code()
        truncated = self._output.over.is_set()
        self._output.close()
        return CodeResult(
            exit_code=None if truncated or clock.expired() else code,
            stdout=self._output.text("stdout"),
            stderr=self._output.text("stderr"),
            truncated=truncated,
            timed_out=clock.expired(),
            seconds=loop.time() - began,
        )

    async def _exit_code(self) -> int | None:
        """How it ended; None: it wrote too much."""
        from pydantic_monty import AsyncMonty

        policy: OSPolicy = {"sleep_system_max": math.inf}
        async with (
            AsyncMonty(min_processes=1, max_processes=1) as pool,
            pool.checkout(limits=self._resources(), os_policy=policy) as session,
        ):
            with guarded(session.worker_pid):
                fed = asyncio.ensure_future(self._feed(session))
                over = asyncio.ensure_future(self._output.over.wait())
                try:
                    await asyncio.wait((fed, over), return_when=asyncio.FIRST_COMPLETED)
                    return fed.result() if fed.done() else None
                finally:
                    fed.cancel()
                    over.cancel()
                    await asyncio.wait((fed, over))

    def _resources(self) -> ResourceLimits:
        return {
            "max_feed_duration_secs": self._limits.seconds + _SPARE_SECONDS,
            "max_memory": self._limits.memory,
            "max_suspensions": _MOST_CALLS,
        }

    async def _feed(self, session: AsyncMontySession) -> int:
        from pydantic_monty import MontyCrashedError, MontyError, MontyRuntimeError, MontySyntaxError

        try:
            await session.feed_run(
                self._source,
                print_callback=self._output.take,
                mount=self._mount,
                cwd=FOLDER,
                external_lookup={"input": self._read_line, "exit": self._exit, "quit": self._exit},
            )
        except (MontyRuntimeError, MontySyntaxError) as error:
            ended = error.exception()
            if isinstance(ended, SystemExit):
                return self._exited(str(ended))
            self._output.take("stderr", error.display() + "\n")
            return 1
        except MontyCrashedError as error:
            self._output.take("stderr", f"The interpreter crashed: {error}\n")
            return _CRASHED
        except MontyError as error:
            self._output.take("stderr", f"{error}\n")
            return 1
        return 0

    def _exit(self, code: object = None) -> NoReturn:
        said = "" if code is None else str(code)
        self._asked = code, said
        raise SystemExit(said)

    def _exited(self, said: str) -> int:
        """Return the exit code; as in Python, a value other than a number goes to standard error and means failure."""
        code, asked = self._asked
        if asked != said:  # It was raised by the program itself.
            code = said or None
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        self._output.take("stderr", f"{said}\n")
        return 1

    def _read_line(self, prompt: object = "") -> str:
        self._output.take("stdout", str(prompt))
        line = self._lines.readline()
        if not line:
            raise OSError("Standard input is at its end.")
        return line.removesuffix("\n")


def _refuse(job: CodeJob) -> None:
    if job.program.language != "python":
        raise ToolError(f"The runner monty runs Python, not {job.program.language}.", guidance="Write it in Python.")
    if job.arguments:
        raise ToolError(
            "The runner monty gives programs no arguments.",
            guidance="Write the values into the program, or give them on standard input, which input() reads.",
        )
