"""What all commands share: exit codes, where text goes, and how errors look.

Standard output carries the answer and nothing else, so that it can be piped; progress, traces and errors go to standard
error.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from functools import wraps
from typing import ParamSpec, TextIO

import typer
from rich.console import Console

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError, LightAgentError, format_error_code
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.domain.unseen import written_out
from lightagent.settings.origins import printable

P = ParamSpec("P")


class ExitCode(IntEnum):
    """How a command ends."""

    COMPLETED = 0
    FAILED = 1
    USAGE = 2
    SUSPENDED = 3
    INTERRUPTED = 130


def out() -> Console:
    """Standard output. Made anew each time, since tests and notebooks replace the stream."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def err() -> Console:
    """Standard error."""
    is_utf8 = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
    # In another encoding rich draws with what that has, as far as it is given the stream itself.
    return Console(
        file=_StandardError() if is_utf8 else None, stderr=True, highlight=False, soft_wrap=True, emoji=False
    )


class _StandardError(io.StringIO):
    """Standard error, where progress and errors go; that it cannot be written, such as on a full disk, ends nothing."""

    def __init__(self) -> None:
        super().__init__()
        # While a spinner turns, rich puts a stream of its own in the place of standard error, which leads back here.
        self._stream: TextIO = getattr(sys.stderr, "rich_proxied_file", sys.stderr)

    def write(self, text: str) -> int:
        """Write through, or else drop it."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            let_go_of(self._stream)
        return len(text)

    def isatty(self) -> bool:
        """Whether a person sees it."""
        return self._stream.isatty()


def write_answer(text: str) -> None:
    """More of the answer, as it is; on a terminal without control characters, which could take the terminal over."""
    if sys.stdout.isatty():
        text = "".join(each for each in text if each.isprintable() or each in "\n\t")
    encoding = sys.stdout.encoding or "utf-8"
    # Half a surrogate pair, which ids and texts may hold and no encoding can; the escape is also the one of JSON.
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # Whoever reads has enough, as `head` does; the program ends in silence.
    except OSError as exc:
        let_go_of(sys.stdout)
        raise LightAgentError(
            f"Standard output cannot be written: {exc.strerror}.",
            code="LA-STORE",
            guidance="Make room where it goes, or send it elsewhere. What was asked has been done all the same.",
        ) from exc


def let_go_of(stream: TextIO) -> None:
    """What could not be written is dropped: Python would try once more when it ends, and end with a traceback."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def write_visible_json(value: object) -> None:
    """An answer as JSON for somebody who decides by it: what cannot be seen stands in it as an escape."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    write_answer("".join(f"{written_out(line)}\n" for line in lines))


def show_error(info: LightAgentErrorInfo) -> None:
    """An error as code, message and what to do."""
    console = err()
    console.print(_lines(f"{format_error_code(info.code)} {info.message}"), style="red", markup=False)
    if info.guidance:
        console.print(_lines(f"→ {info.guidance}"), style="yellow", markup=False)


def _lines(text: str) -> str:
    """`text`, which may quote a file or a server, without control characters that could take a terminal over."""
    return "\n".join(map(printable, text.split("\n")))


def exit_code(outcome: Outcome) -> ExitCode:
    """How the command ends for a run that ended so."""
    match outcome:
        case Completed():
            return ExitCode.COMPLETED
        case Suspended():
            return ExitCode.SUSPENDED
        case Blocked() | BudgetExhausted() | Cancelled() | Failed():
            return ExitCode.FAILED


def guarded(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """The command with its errors told to the user instead of a traceback, and its result as the exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except LightAgentError as exc:
            show_error(exc.info)
            code = ExitCode.USAGE if isinstance(exc, ConfigurationError) else ExitCode.FAILED
        except KeyboardInterrupt:
            err().print("Interrupted.", style="yellow")
            code = ExitCode.INTERRUPTED
        raise typer.Exit(code)

    return run
