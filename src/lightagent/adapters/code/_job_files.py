"""The file of a job that is to be run, found in the job's folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

from lightagent.domain.errors import ToolError


def real_folder(folder: str) -> Path:
    """Where the folder of a job really is.

    Raises:
        ToolError: it is not there, or is no folder.
    """
    try:
        path = Path(folder).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # A loop of links is a RuntimeError in some versions of Python.
        why = error.strerror if isinstance(error, OSError) else "it is a loop of links"
        raise ToolError(
            f"The folder of the program cannot be read: {why}.", guidance="See that it is there."
        ) from error
    if not path.is_dir():
        raise ToolError("The folder of the program is no folder.", guidance="Name another one.")
    return path


def program_file(folder: str, name: str) -> Path:
    """Where the file really is.

    Args:
        folder: the job's folder.
        name: the file's path from the folder on.

    Raises:
        ToolError: it is not there, is no file, or is a link that leads out of the folder; or there is no such folder.
    """
    missing = ToolError(f"There is no file {name!r:.200} in the folder.", guidance="Name one that is there.")
    root = real_folder(folder)
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise missing from error
    if not path.is_file() or not path.is_relative_to(root):
        raise missing
    return path
