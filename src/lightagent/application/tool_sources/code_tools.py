"""Tools with which a model runs Python, for applications that allow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lightagent.application.tools.decorator import tool
from lightagent.domain.code.programs import (
    CodeFile,
    CodeFolder,
    CodeJob,
    CodeLimits,
    CodeOutput,
    CodeText,
    Program,
    limits_of,
)
from lightagent.domain.code.report import report
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.option_values import path_of, switch
from lightagent.domain.tools.spec import Capability
from lightagent.ports.code import CodeRunner
from lightagent.ports.tools import RunContext, Tool, ToolList, ToolSource

CODE_TOOL: Final = "execute_python_code"
FILE_TOOL: Final = "execute_python_file"

_CAPABILITIES: Final[tuple[Capability, ...]] = ("execute",)


class CodeTools(ToolSource[object]):
    """The tool `execute_python_code`, and with a folder `execute_python_file`: ``tools=[CodeTools(MontyRunner())]``.

    Both declare the capability ``execute`` and a high risk, for policies and reviews. They are offered only to agents
    that are given this source.

    Args:
        runner: runs the programs. Closing this source closes it.
        folder: the only folder that programs can access and work in, and whose files may be run.
        writable: whether programs may change its contents.
        limits: the resource limits of a program; lower limits of the runner apply as well.
        streamed: in a streamed run, show a program's output as it is written, as parts of the result.

    Raises:
        ConfigurationError: the folder does not exist, the runner does not run Python, or an option is invalid.
    """

    def __init__(
        self,
        runner: CodeRunner,
        *,
        folder: str | Path | None = None,
        writable: bool = False,
        limits: CodeLimits | None = None,
        streamed: bool = True,
    ) -> None:
        self._runner = _of_python(runner)
        may_change = switch("writable", writable)
        self._folder = None if folder is None else _folder(path_of("folder", folder), may_change)
        self._limits = None if limits is None else limits_of(limits)
        self._streamed = switch("streamed", streamed)
        made = [self._code_tool()] if self._folder is None else [self._code_tool(), self._file_tool()]
        self._tools = {one.spec.name: one for one in made}

    @property
    def name(self) -> str:
        """The name of the source, which includes the runner's."""
        return f"code:{self._runner.name}"

    @property
    def version(self) -> int:
        """Constant: the list does not change."""
        return 0

    async def tools(self) -> ToolList[object]:
        """Return one or two tools."""
        return ToolList(self._tools)

    async def aclose(self) -> None:
        """Close the runner."""
        await self._runner.aclose()

    def _code_tool(self) -> Tool[object]:
        async def execute(ctx: RunContext[object], code: str, arguments: Sequence[str] = (), stdin: str = "") -> str:
            """Run a Python program.

            Args:
                code: the program, to the letter: no fences around it.
                arguments: what it finds in sys.argv after its name.
                stdin: what it can read from standard input.
            """
            return await self._run(ctx, CodeText(code), arguments, stdin)

        return self._declared(CODE_TOOL, "Run a Python program, and see what it prints.", execute)

    def _file_tool(self) -> Tool[object]:
        async def execute(ctx: RunContext[object], path: str, arguments: Sequence[str] = (), stdin: str = "") -> str:
            """Run a Python file.

            Args:
                path: the file, from the folder on, such as scripts/report.py.
                arguments: what it finds in sys.argv after its name.
                stdin: what it can read from standard input.
            """
            program = CodeFile(path)
            if program.language != "python":
                raise ToolError(f"{path!r:.200} is no Python file.", guidance="Name one that ends with .py.")
            return await self._run(ctx, program, arguments, stdin)

        return self._declared(FILE_TOOL, "Run a Python file of the folder, and see what it prints.", execute)

    def _declared(self, name: str, purpose: str, function: Callable[..., object]) -> Tool[object]:
        folder = ""
        if self._folder is not None:
            folder = f" It works in a folder, which it may {'change' if self._folder.writable else 'read'}."
        return tool(
            name=name,
            description=f"{purpose}{folder} {self._runner.notes}",
            capabilities=_CAPABILITIES,
            risk="high",
        )(function)

    async def _run(self, ctx: RunContext[object], program: Program, arguments: Sequence[str], stdin: str) -> str:
        def show(piece: CodeOutput) -> None:
            ctx.show_part(piece.text)

        job = CodeJob(program, tuple(arguments), stdin, self._folder, self._limits)
        result = await (self._runner.run(job, show) if self._streamed else self._runner.run(job))
        return report(result, self._limits)


def _of_python(runner: object) -> CodeRunner:
    """Return the runner if it runs Python, else raise."""
    if isinstance(runner, type) or not isinstance(runner, CodeRunner):
        given = f"the class {runner.__name__}" if isinstance(runner, type) else type(runner).__name__
        raise ConfigurationError(
            f"runner: expected a code runner, got {given}.",
            guidance="Pass such as MontyRunner() or SubprocessRunner().",
        )
    if "python" not in runner.languages:
        raise ConfigurationError(f"The runner {runner.name} runs no Python.", guidance="Choose another one.")
    return runner


def _folder(path: str, writable: bool) -> CodeFolder:
    """Return the folder with its path resolved."""
    if not Path(path).is_dir():
        raise ConfigurationError(
            f"{path!r:.200} cannot be used as a working directory for programs.", guidance="Make it."
        )
    return CodeFolder(str(Path(path).resolve()), writable)
