"""``lightagent tools``: list, check, search and call tools, without a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.application.tools.arguments import parse_arguments
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.invoke import call_alone
from lightagent.application.tools.registry import tool_problems
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.compose.configured.backends import open_embedding
from lightagent.compose.selection import selector_for
from lightagent.domain.origin import NO_ORIGIN
from lightagent.domain.tools.foreign_names import resolve_source_name
from lightagent.domain.tools.spec import ToolSpec
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tools, TrustConfig, settings_for
from lightagent.entrypoints.cli.tools.named import FoundTools, McpFile, Named, with_tools
from lightagent.ports.tools import RunContext
from lightagent.settings.origins import printable

tools_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Directory: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        "-d",
        metavar="DIR",
        help="A directory of tools: DIR/NAME.py has the tool NAME. The files are run.",
    ),
]


@tools_app.command("list")
@guarded
def list_tools(
    tools: Tools = None,
    directory: Directory = None,
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List tools with their descriptions; with `--json` as they are sent to a model.

    Without `--tools`, `--directory` and `--mcp-file` the tools of the settings are used: `[default.tools]` and
    `[default.mcp.NAME]`, whose servers are started.

    **Examples**

    `lightagent tools list --directory tools`

    `lightagent tools list --mcp-file .mcp.json`

    `lightagent tools list --tools examples/repository_tools.py --json | jq '.[].function.name'`
    """

    async def read(named: FoundTools) -> None:
        specs = [declared(tool, name) for name, tool in named.toolset.tools.items()]
        if as_json:
            write_answer(json.dumps([spec.to_openai() for spec in specs], ensure_ascii=False, indent=2) + "\n")
        for spec in () if as_json else specs:
            waits = " · waits for approval" if spec.requires_approval else ""
            summary = spec.description.strip().partition("\n")[0]
            out().print(printable(f"{spec.name} · {summary}{waits}"), markup=False)
        for problem in named.problems:
            err().print(printable(f"{problem['level']}: {problem['message']}"), style="yellow", markup=False)

    with_tools(read, Named(tools, directory, mcp_file, config, profile, trust_config))
    return ExitCode.COMPLETED


@tools_app.command()
@guarded
def check(
    tools: Tools = None,
    directory: Directory = None,
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Check tools, and print their problems. Exit code: 1 if a tool cannot be used.

    **Examples**

    `lightagent tools check --directory tools`

    `lightagent tools check --tools my_tools.py --json`
    """

    async def examine(named: FoundTools) -> list[ToolProblem]:
        found = [one for name, tool in named.toolset.tools.items() for one in tool_problems(name, tool)]
        if not as_json:
            err().print(f"{len(named.toolset.tools)} tools", markup=False)
        return [*named.problems, *found]

    problems = with_tools(examine, Named(tools, directory, mcp_file, config, profile, trust_config))
    if as_json:
        write_answer(json.dumps(problems, ensure_ascii=False, indent=2) + "\n")
    for problem in () if as_json else problems:
        text = f"{problem['level']} · {problem['tool']} · {problem['field']} · {problem['message']}"
        out().print(printable(text), markup=False)
    return ExitCode.FAILED if any(one["level"] == "error" for one in problems) else ExitCode.COMPLETED


@tools_app.command()
@guarded
def search(
    query: Annotated[str, typer.Argument(help="The query, as a user or a model would write it.", metavar="QUERY")],
    most: Annotated[int, typer.Option("--most", "-n", min=1, metavar="N", help="The maximum number of tools.")] = 10,
    tools: Tools = None,
    directory: Directory = None,
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Rank tools by how well they match a query, as an agent with many tools does.

    Scores are comparable within one query. If the settings configure an embedder, the meaning counts as well.
    Exit code: 1 if no tool matches.

    **Examples**

    `lightagent tools search "convert currencies" --directory tools`

    `lightagent tools search "open pull requests" --mcp-file .mcp.json --most 20 --json`
    """

    embedder = open_embedding(settings_for(config, profile, False, trust_config))

    async def find(named: FoundTools) -> list[tuple[ToolSpec, float]]:
        try:
            ranking = await selector_for(embedder).find(query, named.toolset, NO_ORIGIN, in_time=False)
        finally:
            if embedder is not None:
                await embedder.aclose()
        for error in ranking.errors:
            err().print(printable(f"error: {error.message}"), style="yellow", markup=False)
        for problem in named.problems:
            err().print(printable(f"{problem['level']}: {problem['message']}"), style="yellow", markup=False)
        if not ranking.ranked:
            err().print(f"none of {len(ranking.specs)} tools matches", markup=False)
        return [(ranking.specs[one.name], one.score) for one in ranking.ranked[:most]]

    found = with_tools(find, Named(tools, directory, mcp_file, config, profile, trust_config))
    if as_json:
        rows = [{"name": spec.name, "score": score, "description": spec.description} for spec, score in found]
        write_answer(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    for spec, score in () if as_json else found:
        summary = spec.description.strip().partition("\n")[0]
        out().print(printable(f"{score:.2f} · {spec.name} · {summary}"), markup=False)
    return ExitCode.COMPLETED if found else ExitCode.FAILED


@tools_app.command()
@guarded
def call(
    name: Annotated[
        str, typer.Argument(help="The name of the tool; for one of an MCP server also SERVER/TOOL.", metavar="NAME")
    ],
    arguments: Annotated[str, typer.Argument(help="The arguments as JSON; - reads them from standard input.")] = "{}",
    tools: Tools = None,
    directory: Directory = None,
    mcp_file: McpFile = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve the call, if the tool requires approval.")
    ] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Call a tool as a model would: the arguments are validated, and the result is printed as the model reads it.

    Exit code: 1 if the arguments are invalid or the tool fails.

    **Examples**

    `lightagent tools call get_weather '{"city_name": "Rome"}' --directory tools`

    `echo '{"expression": "6 * 7"}' | lightagent tools call calculate - --tools examples/repository_tools.py`

    `lightagent tools call time/get_current_time '{"timezone": "Europe/Rome"}' --mcp-file .mcp.json`
    """

    def report(text: str) -> None:
        err().print(printable(text), style="dim", markup=False)

    async def carry_out(named: FoundTools) -> str:
        toolset = named.toolset
        called = resolve_source_name(name, toolset.tools)
        if called not in toolset.tools and (fault := named.unavailable(name)) is not None:
            raise fault
        tool = toolset.find(called, tuple(toolset.tools))
        given = parse_arguments(sys.stdin.read() if arguments == "-" else arguments)
        context: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", approve, report, lambda: False)
        return await call_alone(tool, called, given, context)

    answer = with_tools(carry_out, Named(tools, directory, mcp_file, config, profile, trust_config), name)
    write_answer(answer + "\n")
    return ExitCode.COMPLETED
