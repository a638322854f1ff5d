"""Read the question of ``lightagent run``, together with piped input."""

from __future__ import annotations

import io
import os
import stat
import sys
import threading
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err

_PATIENCE: Final = 2.0
"""Seconds of waiting for the end of standard input before the command says so."""


def read_question(given: str) -> str:
    """Return the question, followed by standard input if that is a pipe or a file.

    Args:
        given: the question, or ``-`` to read all of it from standard input.

    Raises:
        ConfigurationError: the question is empty.
    """
    asked = sys.stdin.read() if given == "-" else given
    if not asked.strip():
        raise ConfigurationError("The question is empty.", guidance='Type: lightagent run "…", or pipe it into run -.')
    beside = "" if given == "-" or not _is_piped() else _patiently_read()
    return f"{asked}\n\n{beside}" if beside.strip() else asked


def _is_piped() -> bool:
    """Return whether standard input is a pipe or a file, rather than a terminal or a device such as /dev/null."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, io.UnsupportedOperation):
        return True  # A stream object of a calling program.
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _patiently_read() -> str:
    hint = threading.Timer(_PATIENCE, err().print, ["Reading standard input, which goes with the question …"])
    hint.daemon = True
    hint.start()
    try:
        return sys.stdin.read()
    finally:
        hint.cancel()
