"""The exit codes of all commands: of what a run came to, and of errors that a command raises."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import ParamSpec

import typer

from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Completed, Failed, Outcome, Suspended
from lightagent.entrypoints.cli.console import err, show_error

P = ParamSpec("P")


class ExitCode(IntEnum):
    """The exit code of a command."""

    COMPLETED = 0
    FAILED = 1
    USAGE = 2
    SUSPENDED = 3
    INTERRUPTED = 130


def exit_code(outcome: Outcome) -> ExitCode:
    """Return the exit code for the outcome of a run."""
    match outcome:
        case Completed():
            return ExitCode.COMPLETED
        case Suspended():
            return ExitCode.SUSPENDED
        case Blocked() | BudgetExhausted() | Cancelled() | Failed():
            return ExitCode.FAILED


def flow_exit_code(status: str) -> ExitCode:
    """Return the exit code for a run with this status."""
    if status == "success":
        return ExitCode.COMPLETED
    return ExitCode.SUSPENDED if status in ("pending", "waiting", "waiting_approval") else ExitCode.FAILED


def guarded(command: Callable[P, ExitCode]) -> Callable[P, None]:
    """Wrap a command: print its errors instead of a traceback, and exit with the code that it returns."""

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
