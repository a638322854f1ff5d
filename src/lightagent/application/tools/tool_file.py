"""A Python file of a tools directory: located inside the directory, read once, and executed without a cache."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import traceback
from importlib.abc import SourceLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.errors import ConfigurationError

VALID_FILE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
"""The allowed names of tool files without ``.py``: a Python identifier, so that it cannot contain a path."""

MOST_FILE_BYTES: Final = 1_000_000

NOT_APPROVED: Final = "# Written by a model and not approved yet. Read it, then delete this line to approve it."
"""The first line of a file that is skipped when its directory is listed; it can be loaded by name."""

# Open without following symbolic links or waiting for the writer of a pipe.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def tool_file_path(directory: Path, name: object) -> Path:
    """Return the path of the file for the tool `name`.

    Raises:
        ConfigurationError: the name is not a valid name of a tool file.
    """
    if not isinstance(name, str) or not VALID_FILE_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{directory}: {name!r:.100} cannot be the name of a tool in a directory.",
            guidance="A tool NAME is the function NAME in the file NAME.py; the name has letters, digits and _ alone. "
            "A function itself is passed uncalled: tools=[my_function].",
        )
    return directory / f"{name}.py"


def read_tool_file(path: Path) -> bytes:
    """Return the content of the file. The file is checked after it is opened, so it cannot be swapped in between.

    Raises:
        ConfigurationError: the file does not exist, is a symbolic link or not a regular file, or is too large.
    """
    try:
        if path.is_symlink():
            raise _refused(path, "It is a symbolic link, and a tool is loaded from its own directory only")
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError as exc:
        raise _refused(path, "The file does not exist") from exc
    except OSError as exc:
        raise _refused(path, f"It cannot be read ({exc.strerror})") from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _refused(path, "It is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MOST_FILE_BYTES + 1)
    if len(content) > MOST_FILE_BYTES:
        raise _refused(path, f"It is larger than {MOST_FILE_BYTES:,} bytes")
    return content


def run_tool_file(path: Path, content: bytes) -> ModuleType:
    """Execute the file as a module, like any other Python module but with a name of our own.

    Raises:
        ConfigurationError: it is not valid Python or failed when executed; the message names file and line.
    """
    real = path.resolve()
    name = f"lightagent_tools_{hashlib.sha256(bytes(real.parent)).hexdigest()[:12]}_{path.stem}"
    spec = spec_from_file_location(name, real, loader=_Read(real, content))
    if spec is None or spec.loader is None:
        raise _refused(path, "Python cannot load it")
    module = module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # Dataclasses and type annotations look up their module there.
    try:
        spec.loader.exec_module(module)
    except (*FAILURES, SystemExit) as raised:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        exc = raised if isinstance(raised, SystemExit) else failure(raised)
        raise ConfigurationError(
            f"{place_in_file(raised, path)}: The file does not run: {describe_failure(exc)}",
            guidance="Run it with `python` to see more, and correct it.",
        ) from exc
    return module


def place_in_file(exc: BaseException, path: Path) -> str:
    """Return ``FILE:LINE`` of the error within the file; a syntax error carries its line itself."""
    spellings = (str(path.absolute()), str(path.resolve()))
    if isinstance(exc, SyntaxError) and exc.lineno and exc.filename in (None, *spellings):
        return f"{path}:{exc.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename in spellings]
    return f"{path}:{lines[-1]}" if lines else str(path)


class _Read(SourceLoader):
    """Loads the content that was read. Without file times, Python neither reads nor writes compiled copies."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = str(path)
        self._content = content

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str) -> bytes:
        if path != self._path:
            raise OSError(f"There is nothing but {self._path} here.")
        return self._content


def _refused(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {why}.", guidance="Put the file itself into the tools directory.")
