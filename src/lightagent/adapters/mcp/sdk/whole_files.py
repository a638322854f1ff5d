"""Writes a file in one step: readers find the old one or the new one, and never a part."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""Only the owner reads and writes the file."""


def write_whole(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Make or replace a file in a folder that is there.

    Raises:
        OSError: it cannot be written; the file that was there is as it was.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # Its mode is private.
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as whole:
            whole.write(text)
            whole.flush()
            os.fsync(whole.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
