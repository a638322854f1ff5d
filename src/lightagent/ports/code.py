"""The port to runners of programs that models write or that come with skills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from lightagent.domain.code.programs import CodeJob, CodeOutput, CodeResult, Language


def discard_output(piece: CodeOutput) -> None:
    """Discard a piece of output."""


@runtime_checkable
class CodeRunner(Protocol):
    """Runs programs where they can do no harm. Serves any number of runs at once, from any event loop.

    A program sees nothing of this one: no environment, no file but those of its folder, no network. It takes no more
    than its limits say, and nothing that it started is left when `run` returns, however that ends.
    """

    @property
    def name(self) -> str:
        """The name of the runner in the record."""
        ...

    @property
    def languages(self) -> frozenset[Language]:
        """The languages that programs may be written in."""
        ...

    @property
    def notes(self) -> str:
        """A few sentences for a model about what programs can and cannot do here."""
        ...

    async def run(self, job: CodeJob, show: Callable[[CodeOutput], None] = discard_output) -> CodeResult:
        """Run a program to its end, or to a limit; `show` is called in this event loop with its output as it comes,
        and must not raise.

        A failed program is an ordinary result, not an exception.

        Raises:
            ToolError: the program cannot be run here: another language, a file that is not there.
            ConfigurationError: the isolation that this runner promises cannot be had on this machine.
        """
        ...

    async def aclose(self) -> None:
        """Release all resources; a later call of `run` opens them again."""
        ...
