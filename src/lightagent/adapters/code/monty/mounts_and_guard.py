"""Reads a program for Monty, mounts its folder, and guards its worker: kills it should this process be killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from lightagent.adapters.code._job_files import read_program
from lightagent.domain.code.programs import MOST_SOURCE, CodeFile, CodeJob, CodeLimits, CodeText
from lightagent.domain.errors import ToolError

if TYPE_CHECKING:
    from pydantic_monty import MountDir

FOLDER: Final = "/work"
"""The path at which a program sees its folder."""

_MOST_BYTES: Final = 4 * MOST_SOURCE
"""The maximum size of a program's file, in bytes: UTF-8 needs at most four for a character."""

_GUARD: Final = 'trap "" HUP INT TERM; read -r _; kill -s KILL "$0"'


def read_source(job: CodeJob, folder: str) -> str:
    """Return the text of the program.

    Args:
        folder: a path to the job's folder.

    Raises:
        ToolError: its file does not exist, is not in the folder, is too long, or is not text in UTF-8.
    """
    if not isinstance(job.program, CodeFile):
        return job.program.source
    try:
        content = read_program(folder, job.program.path, _MOST_BYTES)
        if len(content) > _MOST_BYTES:
            raise ToolError(
                f"{job.program.path!r:.200} has more than {_MOST_BYTES:,} bytes.",
                guidance="Run a shorter program; data that it needs may come on its standard input.",
            )
        return CodeText(_text(content)).source
    except UnicodeDecodeError as error:
        raise ToolError(f"{job.program.path!r:.200} is not text in UTF-8.", guidance="") from error
    except OSError as error:
        raise ToolError(f"{job.program.path!r:.200} cannot be read: {error.strerror}.", guidance="") from error


def _text(content: bytes) -> str:
    """Decode UTF-8, and turn the line ends of any system into line feeds, as Python does when it reads text files."""
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


@contextmanager
def mounted(job: CodeJob, host: str, limits: CodeLimits) -> Iterator[MountDir]:
    """Mount the folder of a job, or its private directory, at the path where the program sees it.

    Args:
        host: the path of the directory on the host.

    Raises:
        ToolError: the directory cannot be read.
    """
    from pydantic_monty import MountDir

    mode: Literal["read-only", "read-write", "overlay"] = "overlay"
    if job.folder is not None:
        mode = "read-write" if job.folder.writable else "read-only"
    try:
        mount = MountDir(
            host_path=host,
            virtual_path=FOLDER,
            mode=mode,
            write_bytes_limit=limits.disk,
            memory_usage_limit=min(limits.memory, limits.disk),
        )
    except (OSError, ValueError, TypeError) as error:  # What it cannot open is of a wrong type for Monty.
        raise ToolError(f"The folder of the program cannot be read: {error}.", guidance="") from error
    with mount:
        yield mount


@contextmanager
def guarded(worker: int | None) -> Iterator[None]:
    """Start a shell that kills the worker if this process is killed: a busy worker would not notice by itself."""
    if worker is None or os.name != "posix":
        yield
        return
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, str(worker)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
        env={},
    )
    try:
        yield
    finally:
        # Before its input closes: after that it would kill whichever process has the worker's id by then.
        guard.kill()
        guard.communicate()
