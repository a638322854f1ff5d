"""The question of ``lightagent run``, and what is piped in beside it."""

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
"""Seconds without an end of standard input, after which it is said that the command waits for it."""


def read_question(given: str) -> str:
    """The question; what comes through a pipe or from a file goes with it.

    Args:
        given: the text, or ``-`` for standard input alone.

    Raises:
        ConfigurationError: there is nothing to ask.
    """
    asked = sys.stdin.read() if given == "-" else given
    if not asked.strip():
        raise ConfigurationError("The question is empty.", guidance='Type: lightagent run "…", or pipe it into run -.')
    beside = "" if given == "-" or not _is_piped() else _patiently_read()
    return f"{asked}\n\n{beside}" if beside.strip() else asked


def _is_piped() -> bool:
    """Whether standard input is a pipe or a file; a terminal or a device such as /dev/null has nothing to add."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, io.UnsupportedOperation):
        return True  # A stream of the program that calls.
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _patiently_read() -> str:
    hint = threading.Timer(_PATIENCE, err().print, ["Reading standard input, which goes with the question …"])
    hint.daemon = True
    hint.start()
    try:
        return sys.stdin.read()
    finally:
        hint.cancel()
