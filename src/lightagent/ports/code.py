"""The port to what runs programs that models write and skills bring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from lightagent.domain.code import CodeJob, CodeOutput, CodeResult, Language


def unseen(piece: CodeOutput) -> None:
    """Take a piece and show it to no one."""


@runtime_checkable
class CodeRunner(Protocol):
    """Runs programs where they can do no harm. Serves any number of runs at once, from any event loop.

    A program sees nothing of this one: no environment, no file but those of its folder, no network. It takes no more
    than its limits say, and nothing that it started is left when `run` returns, however that ends.
    """

    @property
    def name(self) -> str:
        """Names the runner on record."""
        ...

    @property
    def languages(self) -> frozenset[Language]:
        """What the programs may be written in."""
        ...

    @property
    def notes(self) -> str:
        """Tells a model in a few sentences what programs can do here, and what not."""
        ...

    async def run(self, job: CodeJob, show: Callable[[CodeOutput], None] = unseen) -> CodeResult:
        """Run a program to its end, or to a limit; `show` is called in this event loop with its output as it comes,
        and must not raise.

        A program that fails is a result like another.

        Raises:
            ToolError: the program cannot be run here: another language, a file that is not there.
            ConfigurationError: the isolation that this runner promises cannot be had on this machine.
        """
        ...

    async def aclose(self) -> None:
        """Give back what is open; a later call of `run` opens it again."""
        ...
