"""Replaces a file in one step: readers find the old one or the new one, and never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

PRIVATE: Final = 0o600
"""Only the owner reads and writes the file."""


@contextmanager
def replacing(path: Path, mode: int = PRIVATE) -> Generator[TextIO]:
    """Open a new file beside `path`, which takes its place at the end of the block, unless the block raises.

    The folder has to exist. The text is encoded as UTF-8, its line ends are written as they are, and it is on the disk
    before the file takes its place.

    Raises:
        OSError: the file cannot be written; the one that was there is unchanged.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # Only its owner may open it.
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        Path(name).chmod(mode)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
