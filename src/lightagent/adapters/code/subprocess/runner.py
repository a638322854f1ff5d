"""Runs programs as processes: in a sandbox of bubblewrap, or without isolation where that was explicitly allowed."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from lightagent.adapters.code._job_files import program_file, real_folder
from lightagent.adapters.code.subprocess.accounts import Account, another_user, processes_of
from lightagent.adapters.code.subprocess.bubblewrap import (
    PRIVATE,
    PROGRAM,
    WORK,
    Bubblewrap,
    find_bubblewrap,
)
from lightagent.adapters.code.subprocess.child import Start, run_child
from lightagent.adapters.code.subprocess.interpreters import Interpreter, find_interpreters, own_python
from lightagent.adapters.code.subprocess.memory_file import in_memory
from lightagent.adapters.code.subprocess.refused_calls import call_filter
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.code.programs import (
    CodeFile,
    CodeFolder,
    CodeJob,
    CodeLimits,
    CodeOutput,
    CodeResult,
    Language,
    limits_of,
)
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.option_values import path_of, switch
from lightagent.ports.code import CodeRunner, discard_output

_LAUNCHER: Final = files("lightagent.adapters.code.subprocess").joinpath("launcher.py").read_text("utf-8")
_ENDINGS: Final[dict[Language, str]] = {"python": "py", "shell": "sh", "javascript": "mjs"}
_CALLS: Final = call_filter()
_OPEN_FILES: Final = 256


class SubprocessRunner(CodeRunner):
    """Runs Python, shell scripts and, where Node.js is, JavaScript as processes with full rights in a sandbox.

    Under Linux, with bubblewrap: no environment, no network, no files but those of the system's programs and of the
    job's folder, a private directory in memory, processes of its own, which all end with it.

    Args:
        python: the interpreter for Python, by its path, such as that of a virtual environment with packages for
            programs; by default that of this program, without the packages of its virtual environment.
        limits: beyond which no job goes.
        allow_unisolated: run programs also where bubblewrap is not to be had. They then have no environment, limits of
            time, memory and output, and a private directory, but can read, change and send all that this user can.
        bubblewrap: where the program ``bwrap`` is, or one that was tried out; by default it is looked for.

    Raises:
        ConfigurationError: isolation is not to be had here, and running without it was not allowed; or there is no
            such interpreter.
    """

    def __init__(
        self,
        *,
        python: str | None = None,
        limits: CodeLimits | None = None,
        allow_unisolated: bool = False,
        bubblewrap: str | Bubblewrap | None = None,
    ) -> None:
        if os.name != "posix":
            raise ConfigurationError(
                "The kind subprocess runs code under Linux, and without isolation on other POSIX systems.",
                guidance="Choose the kind monty, which runs a subset of Python anywhere.",
            )
        self._limits = limits_of(limits)
        self._interpreters = find_interpreters(None if python is None else path_of("python", python))
        self._launcher = own_python()
        self._bubblewrap = _isolation(bubblewrap, allow_unisolated=switch("allow_unisolated", allow_unisolated))

    @property
    def name(self) -> str:
        return "subprocess" if self.is_isolated else "subprocess:unisolated"

    @property
    def is_isolated(self) -> bool:
        """Whether programs run in a sandbox."""
        return self._bubblewrap is not None

    @property
    def languages(self) -> frozenset[Language]:
        return frozenset(self._interpreters)

    @property
    def notes(self) -> str:
        network = "Network and environment are not available. " if self.is_isolated else ""
        return (
            f"Programs run for at most {self._limits.seconds:g} seconds. {network}What is written to the temporary "
            "directory is gone afterwards. Print what you want to see."
        )

    async def run(self, job: CodeJob, show: Callable[[CodeOutput], None] = discard_output) -> CodeResult:
        interpreter = self._interpreters.get(job.program.language)
        if interpreter is None:
            raise ToolError(
                f"There is nothing here that runs {job.program.language}.",
                guidance=f"Use one of: {', '.join(sorted(self.languages))}.",
            )
        folder = await run_in_thread(_real_folder, job)
        limits = self._limits if job.limits is None else job.limits.within(self._limits)
        stdin = job.stdin.encode("utf-8", errors="replace")
        if self._bubblewrap is None:
            return await self._run_unisolated(interpreter, job, folder, limits, stdin, show)
        source = None if isinstance(job.program, CodeFile) else job.program.source.encode()
        user = await run_in_thread(_user, folder) if self._bubblewrap.as_user == "other" else Account(None)
        with in_memory(source) as text, in_memory(_CALLS) as calls:
            start = self._isolated(self._bubblewrap, interpreter, job, folder, limits, user, text, calls)
            return await run_child(start, stdin, limits, show)

    def _isolated(
        self,
        bubblewrap: Bubblewrap,
        interpreter: Interpreter,
        job: CodeJob,
        folder: CodeFolder | None,
        limits: CodeLimits,
        user: Account,
        source: int | None,
        calls: int | None,
    ) -> Start:
        name = f"main.{_ENDINGS[job.program.language]}"
        path = f"{WORK}/{job.program.path}" if isinstance(job.program, CodeFile) else f"{PROGRAM}/{name}"
        program = (*interpreter.command, path, *job.arguments)
        rlimits = _rlimits(limits, job.program.language) | {"RLIMIT_NPROC": user.processes + limits.processes + 1}

        # Where its owner alone may have rights, no other account has to reach it.
        start = WORK if folder is not None and folder.writable else ""

        def command(control: int, info: int) -> Sequence[str]:
            outside = bubblewrap.arguments(
                needs=(*interpreter.needs, *self._launcher.needs),
                folder=folder,
                source=None if source is None else (source, name),
                disk=limits.disk,
                calls=calls,
                info=info,
            )
            return [*outside, *self._launching(control, user.number, rlimits, start, folder), *program]

        env = _environment(interpreter, PRIVATE)
        return Start(
            command, env, "/", is_isolated=True, inherited=tuple(one for one in (source, calls) if one is not None)
        )

    async def _run_unisolated(
        self,
        interpreter: Interpreter,
        job: CodeJob,
        folder: CodeFolder | None,
        limits: CodeLimits,
        stdin: bytes,
        show: Callable[[CodeOutput], None],
    ) -> CodeResult:
        private = await run_in_thread(tempfile.mkdtemp, prefix="lightagent-code-")
        try:
            path = await run_in_thread(_program_path, job, folder, private)
            program = (*interpreter.command, path, *job.arguments)
            rlimits = _rlimits(limits, job.program.language)

            def command(control: int, info: int) -> Sequence[str]:
                return [*self._launching(control, None, rlimits), *program]

            start = Start(
                command, _environment(interpreter, private), folder.path if folder else private, is_isolated=False
            )
            return await run_child(start, stdin, limits, show)
        finally:
            await run_in_thread(shutil.rmtree, private, ignore_errors=True)

    def _launching(
        self,
        control: int,
        user: int | None,
        limits: Mapping[str, int],
        start: str = "",
        folder: CodeFolder | None = None,
    ) -> list[str]:
        told = ",".join(f"{name}={most}" for name, most in limits.items())
        pinned = "" if folder is None or folder.identity is None else ":".join((WORK, *map(str, folder.identity)))
        launcher = [*self._launcher.command, "-I", "-S", "-c", _LAUNCHER]
        return [*launcher, str(control), str(user or 0), told, start, pinned]

    async def aclose(self) -> None:
        """Nothing is open."""


def _isolation(given: str | Bubblewrap | None, *, allow_unisolated: bool) -> Bubblewrap | None:
    if isinstance(given, Bubblewrap):
        return given
    path = None if given is None else path_of("bubblewrap", given)
    try:
        return find_bubblewrap(path)
    except ConfigurationError:
        if not allow_unisolated:
            raise
        return None


def _rlimits(limits: CodeLimits, language: Language) -> dict[str, int]:
    """By name, as the operating system knows them; what there is none of on a system is left out there."""
    seconds = math.ceil(limits.seconds) + 1
    found = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": limits.disk, "RLIMIT_DATA": limits.memory, "RLIMIT_CORE": 0}
    if language != "javascript":  # Node.js reserves far more addresses than it uses.
        found["RLIMIT_AS"] = limits.memory
    return found | {"RLIMIT_NOFILE": _OPEN_FILES, "RLIMIT_MSGQUEUE": 0}


def _environment(interpreter: Interpreter, private: str) -> dict[str, str]:
    path = f"{Path(interpreter.command[0]).parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": private, "TMPDIR": private, "LANG": "C.UTF-8"}


def _user(folder: CodeFolder | None) -> Account:
    """As whom a program is run where this one is run by root."""
    if folder is None or not folder.writable:
        return Account(another_user())
    owner = Path(folder.path).stat().st_uid
    if owner == 0:
        raise ConfigurationError(
            f"{folder.path}: a folder that programs may change must not belong to root.",
            guidance="Give it to another user (chown), as whom programs are then run; or do not run this as root.",
        )
    return Account(owner, processes_of(owner))


def _real_folder(job: CodeJob) -> CodeFolder | None:
    """The job's folder where it really is.

    Raises:
        ToolError: it is not there, or the program is not in it.
    """
    if job.folder is None:
        return None
    folder = real_folder(job.folder)
    if isinstance(job.program, CodeFile):
        program_file(folder.path, job.program.path)
    return folder


def _program_path(job: CodeJob, folder: CodeFolder | None, private: str) -> str:
    if isinstance(job.program, CodeFile):
        assert folder is not None
        return str(Path(folder.path, job.program.path))
    path = Path(private, f"main.{_ENDINGS[job.program.language]}")
    path.write_bytes(job.program.source.encode())
    return str(path)
