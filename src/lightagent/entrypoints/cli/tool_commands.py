"""``lightagent tools``: which tools there are, whether they are sound, and what one answers; without a model."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer

from lightagent.application.tools.arguments import parse_arguments
from lightagent.application.tools.call_alone import call_alone
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.loader import ToolLoader
from lightagent.application.tools.registry import tool_problems
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.application.tools.toolset import Toolset
from lightagent.bootstrap import open_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.origin import NO_ORIGIN
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out, write_answer
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tools, TrustConfig, settings_for
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.ports.tools import RunContext
from lightagent.settings.origins import printable

tools_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

T = TypeVar("T")

Directory: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--directory", "-d", metavar="DIR", help="A directory of tools: DIR/NAME.py holds NAME. Its files run."
    ),
]


@dataclass(frozen=True, slots=True)
class _Named:
    """What the command line or the settings name."""

    toolset: Toolset[object]
    problems: tuple[ToolProblem, ...]


@tools_app.command("list")
@guarded
def list_tools(
    tools: Tools = None,
    directory: Directory = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the tools with their descriptions; `--json` prints them as a request offers them.

    Without `--tools` and `--directory` they are those of the settings, `[default.tools]`.

    **Examples**

    `lightagent tools list --directory tools`

    `lightagent tools list --tools examples/repository_tools.py --json | jq '.[].function.name'`
    """

    async def read(named: _Named) -> None:
        specs = [declared(tool, name) for name, tool in named.toolset.tools.items()]
        if as_json:
            write_answer(json.dumps([spec.to_openai() for spec in specs], ensure_ascii=False, indent=2) + "\n")
        for spec in () if as_json else specs:
            waits = " · waits for approval" if spec.requires_approval else ""
            summary = spec.description.strip().partition("\n")[0]
            out().print(printable(f"{spec.name} · {summary}{waits}"), markup=False)
        for problem in named.problems:
            err().print(printable(f"{problem['level']}: {problem['message']}"), style="yellow", markup=False)

    _with_tools(read, tools, directory, lambda: open_tools(settings_for(config, profile, False, trust_config)))
    return ExitCode.COMPLETED


@tools_app.command()
@guarded
def check(
    tools: Tools = None,
    directory: Directory = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print what is wrong with the tools. Ends with 1 if one cannot be used; warnings alone end with 0.

    **Examples**

    `lightagent tools check --directory tools`

    `lightagent tools check --tools my_tools.py --json`
    """

    async def examine(named: _Named) -> list[ToolProblem]:
        found = [one for name, tool in named.toolset.tools.items() for one in tool_problems(name, tool)]
        if not as_json:
            err().print(f"{len(named.toolset.tools)} tools", markup=False)
        return [*named.problems, *found]

    problems = _with_tools(
        examine, tools, directory, lambda: open_tools(settings_for(config, profile, False, trust_config))
    )
    if as_json:
        write_answer(json.dumps(problems, ensure_ascii=False, indent=2) + "\n")
    for problem in () if as_json else problems:
        text = f"{problem['level']} · {problem['tool']} · {problem['field']} · {problem['message']}"
        out().print(printable(text), markup=False)
    return ExitCode.FAILED if any(one["level"] == "error" for one in problems) else ExitCode.COMPLETED


@tools_app.command()
@guarded
def call(
    name: Annotated[str, typer.Argument(help="The tool.", metavar="NAME")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as JSON; - reads them from standard input.")] = "{}",
    tools: Tools = None,
    directory: Directory = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the call, where the tool asks for that.")] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Call a tool as a model would: its arguments are checked, and what it answers is printed as the model reads it.

    Ends with 1 if the arguments do not fit or the tool fails.

    **Examples**

    `lightagent tools call get_weather '{"city_name": "Rome"}' --directory tools`

    `echo '{"expression": "6 * 7"}' | lightagent tools call calculate - --tools examples/repository_tools.py`
    """

    def report(text: str) -> None:
        err().print(printable(text), style="dim", markup=False)

    async def carry_out(named: _Named) -> str:
        toolset = named.toolset
        tool = toolset.find(name, tuple(toolset.tools))
        given = parse_arguments(sys.stdin.read() if arguments == "-" else arguments)
        context: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", approve, report, lambda: False)
        return await call_alone(tool, name, given, context)

    answer = _with_tools(
        carry_out, tools, directory, lambda: open_tools(settings_for(config, profile, False, trust_config))
    )
    write_answer(answer + "\n")
    return ExitCode.COMPLETED


def _with_tools(
    work: Callable[[_Named], Awaitable[T]],
    files: list[str] | None,
    directory: Path | None,
    from_settings: Callable[[], ToolLoader | None],
) -> T:
    """What `work` gives with the tools that are named, or else with those of the settings.

    Raises:
        ConfigurationError: none are named, or they cannot be listed.
    """
    functions = load_tools(files)
    loader = ToolLoader(directory) if directory is not None else None if files else from_settings()
    if loader is None and not files:
        raise ConfigurationError(
            "No tools are named.",
            guidance="Pass --directory DIR or --tools FILE.py, or add to lightagent.toml: [default.tools] with "
            'directory = "tools".',
        )
    catalogue: Catalogue[object] = Catalogue(map(as_tool, functions), () if loader is None else (loader,))

    async def carry_out() -> T:
        try:
            toolset = await catalogue.toolset()
            return await work(_Named(toolset, () if loader is None else loader.problems))
        finally:
            await catalogue.aclose()

    return asyncio.run(carry_out())
