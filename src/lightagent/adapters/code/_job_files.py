"""The folder of a job, and its file that is to be run: found there and nowhere else, whatever takes their place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightagent.domain.code.programs import CodeFolder
from lightagent.domain.errors import ToolError

_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_RELATIVE: Final = os.open in os.supports_dir_fd and bool(getattr(os, "O_NOFOLLOW", 0))
"""Whether the system opens names relative to an open folder."""


def exchanged() -> ToolError:
    """The error for a folder in whose place there is another one."""
    return ToolError("The folder of the program was exchanged for another one.", guidance="Try again.")


def real_folder(folder: CodeFolder) -> CodeFolder:
    """Return the same folder by its resolved path, with its identity.

    Raises:
        ToolError: the folder does not exist, is not a directory, or was replaced by another one.
    """
    try:
        path = Path(folder.path).resolve(strict=True)
        found = path.stat()
    except (OSError, RuntimeError) as error:  # A loop of links is a RuntimeError in some versions of Python.
        why = error.strerror if isinstance(error, OSError) else "it is a loop of links"
        raise ToolError(
            f"The folder of the program cannot be read: {why}.", guidance="See that it is there."
        ) from error
    if not path.is_dir():
        raise ToolError(
            f"The path of the program's folder is not a folder: {folder.path!r:.200}.",
            guidance="Pass the path of a folder.",
        )
    identity = (found.st_dev, found.st_ino)
    if folder.identity not in (None, identity):
        raise exchanged()
    return CodeFolder(str(path), folder.writable, identity)


@contextmanager
def held(folder: CodeFolder) -> Iterator[str]:
    """Yield a path to the folder that stays valid when another folder takes its place, if the system has such paths.

    Raises:
        ToolError: the folder does not exist, is not a directory, or was replaced by another one.
    """
    real = real_folder(folder)
    try:
        descriptor = os.open(real.path, _FOLDER)
    except OSError as error:
        if os.name != "nt":
            raise ToolError(f"The folder of the program cannot be read: {error.strerror}.", guidance="") from error
        yield real.path  # Windows opens no folders.
        return
    try:
        found = os.fstat(descriptor)
        if (found.st_dev, found.st_ino) != real.identity:
            raise exchanged()
        by_descriptor = f"/proc/self/fd/{descriptor}"
        yield by_descriptor if Path(by_descriptor).is_dir() else real.path
    finally:
        os.close(descriptor)


def program_file(folder: str, name: str) -> Path:
    """Where the file really is, from the folder on.

    Args:
        folder: the job's folder.
        name: the file's path from the folder on.

    Raises:
        ToolError: the file does not exist, is not a regular file, or is a link that leads out of the folder.
    """
    missing = ToolError(f"File {name!r:.200} not found in the folder.", guidance="Pass the name of a file in it.")
    try:
        root = Path(folder).resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise missing from error
    if not path.is_file() or not path.is_relative_to(root):
        raise missing
    return path.relative_to(root)


def read_program(folder: str, name: str, most: int) -> bytes:
    """What the file holds, as far as one byte more than `most`; a link that takes its place is not followed.

    Raises:
        ToolError: as `program_file` does.
        OSError: it cannot be read.
    """
    path = program_file(folder, name)
    if not _RELATIVE:
        with Path(folder, path).open("rb") as file:
            return file.read(most + 1)
    with os.fdopen(_opened(folder, path.parts), "rb") as file:
        return file.read(most + 1)


def _opened(folder: str, parts: Sequence[str]) -> int:
    """A descriptor of the file to which these names lead, none of which is a link."""
    current = os.open(folder, _FOLDER)
    for place, part in enumerate(parts, 1):
        try:
            flags = os.O_RDONLY if place == len(parts) else _FOLDER
            following = os.open(part, flags | _NO_LINK, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current
