"""What a log may say of an exception of foreign code: its type and where it was raised, and not its text.

What sees a run sees all that is said in it, and an exception repeats what it failed over: the value that was refused,
the text that could not be encoded.
"""

from __future__ import annotations

import traceback
from typing import Final

_INNERMOST: Final = 3
"""Frames that are named."""


def raised_place(error: BaseException) -> str:
    """Such as ``ValueError (sinks.py, line 12, in see)``."""
    frames = traceback.extract_tb(error.__traceback__)[-_INNERMOST:]
    places = (f"{_file_name(frame.filename)}, line {frame.lineno}, in {frame.name}" for frame in frames)
    told = "; ".join(places)
    return f"{type(error).__name__} ({told})" if told else type(error).__name__


def _file_name(path: str) -> str:
    """Without its folders, which may be named for users and customers."""
    return path.replace("\\", "/").rpartition("/")[2]
