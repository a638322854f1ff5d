"""Read questions: the one of ``lightagent run``, with piped input, and lines typed at a terminal."""

from __future__ import annotations

import importlib
import io
import os
import select
import stat
import sys
import threading
from types import ModuleType
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
        raise ConfigurationError(
            "The question must not be empty.", guidance='Type: lightagent run "…", or pipe it into run -.'
        )
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
    hint = threading.Timer(_PATIENCE, err().print, ["Reading standard input, which is added to the question …"])
    hint.daemon = True
    hint.start()
    try:
        return sys.stdin.read()
    finally:
        hint.cancel()


_PASTED: Final = "\x1b[200~"
_END: Final = "\x1b[201~"
_MARK_PASTES: Final = "\x1b[?2004h"
_DO_NOT: Final = "\x1b[?2004l"
"""Escape sequences of bracketed paste: the marks, and how to turn it on and off. Most terminals support them."""

_WAIT: Final = 0.05
"""Seconds in which a further line counts as pasted, if the terminal does not mark pastes. Typing is never as fast."""

_LONGEST: Final = 4095 if sys.platform.startswith("linux") else 1023
"""Bytes of a line that a terminal buffers when it edits lines itself."""


class QuestionReader:
    """Reads questions from standard input: lines of a pipe, or of a terminal, with line editing and a history."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdin.isatty()
        self._readline = _find_readline() if self._is_terminal and sys.stdout.isatty() else None
        self._marks = self._is_terminal and _understands_marks()

    def read(self) -> str | None:
        """Return the next question; None at the end of input. Ctrl-C discards the line."""
        try:
            if not self._is_terminal:
                return input()
            return self._typed()
        except EOFError:
            return None
        except KeyboardInterrupt:
            err().print()
            return ""
        except UnicodeError:
            err().print("The input is not valid in the encoding of your terminal; nothing was sent.", style="yellow")
            return ""

    def _typed(self) -> str:
        # Lines that were typed during the last answer are separate questions, not a paste.
        typed_ahead = _is_waiting(0)
        text = self._line("> ")
        while _PASTED in text and text.rfind(_END) < text.rfind(_PASTED):
            text += "\n" + self._line("")
        while not typed_ahead and _is_waiting(_WAIT):
            text += "\n" + self._line("")
        text = text.replace(_PASTED, "").replace(_END, "")
        text.encode()  # Raises on lone surrogates, such as from invalid bytes, which cannot be sent.
        if self._readline is not None and text.strip():
            self._readline.add_history(text)
        return text

    def _line(self, prompt: str) -> str:
        if self._readline is not None:
            return input(prompt)
        # Without readline the terminal edits the line. The prompt must not end up in an answer that goes to a file.
        console = sys.stdout if sys.stdout.isatty() else sys.stderr
        console.write(f"{_MARK_PASTES if self._marks else ''}{prompt}")
        console.flush()
        try:
            line = sys.stdin.readline()
        finally:
            console.write(_DO_NOT if self._marks else "")
            console.flush()
        if not line:
            raise EOFError
        if len(os.fsencode(line)) >= _LONGEST:
            err().print(
                f"The terminal limits lines to {_LONGEST} bytes, so the end of this one may be lost. Nothing was sent. "
                "To send more, use a file: lightagent run - < FILE",
                style="yellow",
                markup=False,
            )
            return ""
        return line.removesuffix("\n")


def _find_readline() -> ModuleType | None:
    """Import readline, which gives `input` line editing, if it exists. Only questions go into its history."""
    try:
        readline = importlib.import_module("readline")
    except ImportError:
        return None
    readline.set_auto_history(False)
    if _understands_marks() and "libedit" not in (readline.__doc__ or ""):
        readline.parse_and_bind("set enable-bracketed-paste on")
    return readline


def _understands_marks() -> bool:
    return os.environ.get("TERM", "dumb") != "dumb"


def read_answer(prompt: str, prefilled: str = "") -> str:
    """Ask the person at the terminal for one line.

    Args:
        prefilled: the initial text of the line, if lines can be edited.

    Raises:
        EOFError, KeyboardInterrupt: the person did not answer.
    """
    readline = _find_readline() if sys.stdout.isatty() else None
    if readline is None:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")
    readline.set_startup_hook(lambda: readline.insert_text(prefilled))
    try:
        return input(prompt)
    finally:
        readline.set_startup_hook(None)


def _is_waiting(seconds: float) -> bool:
    """Return whether a whole line can be read; always False on Windows, whose consoles cannot be polled."""
    return sys.platform != "win32" and bool(select.select([sys.stdin], [], [], seconds)[0])
