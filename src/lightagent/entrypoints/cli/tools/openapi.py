"""``lightagent tools from-openapi``: use the operations of a document as tools, without a model or settings."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Annotated, TypeAlias

import typer

from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.arguments import parse_arguments
from lightagent.application.tools.invoke import call_alone
from lightagent.application.tools.toolset import Toolset
from lightagent.compose.openapi import openapi_source, openapi_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.network.http_calls import DEFAULT_HTTP_TIMEOUT
from lightagent.domain.origin import NO_ORIGIN
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson
from lightagent.ports.tools import RunContext, ToolList
from lightagent.settings.origins import printable

Names: TypeAlias = list[str] | None


@guarded
def from_openapi(
    document: Annotated[str, typer.Argument(help="A JSON or YAML file, or its address.", metavar="FILE|URL")],
    tags: Annotated[
        Names, typer.Option("--tag", metavar="TAG", help="Only operations with this tag. Repeatable.")
    ] = None,
    methods: Annotated[
        Names,
        typer.Option(
            "--method", metavar="METHOD", help="Only this method, or * for all. Repeatable. Default: get and head."
        ),
    ] = None,
    paths: Annotated[
        Names, typer.Option("--path", metavar="PATH", help="Only this path, such as /orders/*. Repeatable.")
    ] = None,
    operations: Annotated[
        Names, typer.Option("--operation", metavar="ID", help="The operation with this id. Repeatable.")
    ] = None,
    server: Annotated[str, typer.Option("--server", metavar="URL", help="The base URL of the API.")] = "",
    headers: Annotated[
        Names,
        typer.Option(
            "--header",
            metavar="NAME=VARIABLE",
            help="A header, with the environment variable of its value. Repeatable.",
        ),
    ] = None,
    auth: Annotated[
        Names,
        typer.Option(
            "--auth",
            metavar="SCHEME=VARIABLE",
            help="A security scheme, with the environment variable of its credential.",
        ),
    ] = None,
    private_hosts: Annotated[
        Names,
        typer.Option(
            "--private-host", metavar="HOST[:PORT]", help="A host that may have a private address. Repeatable."
        ),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for one call.")] = DEFAULT_HTTP_TIMEOUT,
    check: Annotated[
        bool,
        typer.Option("--check", help="Print only the operations that cannot be tools; exit code 1 if there are any."),
    ] = False,
    call: Annotated[str, typer.Option("--call", metavar="NAME", help="Call this tool.")] = "",
    arguments: Annotated[
        str, typer.Option("--arguments", help="Its arguments as JSON; - reads standard input.")
    ] = "{}",
    as_json: AsJson = False,
) -> ExitCode:
    """List the operations of an OpenAPI document as tools, check them, or call one, without a model.

    Operations that change data are listed only if `--method` or `--operation` selects them. Operations that cannot be
    tools are printed to standard error, with the reason.

    **Examples**

    `lightagent tools from-openapi api.yaml --method "*" --check`

    `lightagent tools from-openapi https://example.com/openapi.json --tag orders --json`

    `lightagent tools from-openapi api.json --call get_order --arguments '{"id": 7}' --server https://example.com
    --auth bearer=API_TOKEN`
    """
    source = openapi_tools(
        document,
        tags=tags or (),
        methods=methods or (),
        paths=paths or (),
        operations=operations or (),
        server=server,
        headers=_from_environment(headers, "--header"),
        auth=_from_environment(auth, "--auth"),
        private_hosts=private_hosts or (),
        timeout=timeout,
    )
    if not call:
        source = openapi_source(source.service, only_listed=True)
    return asyncio.run(_carry_out(source, check=check, call=call, arguments=arguments, as_json=as_json))


async def _carry_out(source: OpenApiTools, *, check: bool, call: str, arguments: str, as_json: bool) -> ExitCode:
    with err().status("reading the document …"):
        listed = await source.tools()
    if call:
        given = parse_arguments(sys.stdin.read() if arguments == "-" else arguments)
        for problem in source.problems if call not in listed.tools else ():
            if problem["tool"] == call:
                err().print(printable(problem["message"]), style="yellow", markup=False)
        if call not in listed.tools and not source.service.choice.methods:
            err().print("Operations that change data must be selected with --method or --operation.", markup=False)
        tool = Toolset(listed.tools).find(call, tuple(listed.tools))
        context: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", False, lambda _text: None, lambda: False)
        write_answer(await call_alone(tool, call, given, context) + "\n")
        return ExitCode.COMPLETED
    if not check:
        _show(listed, as_json=as_json)
    if check and as_json:
        write_answer(json.dumps(source.problems, ensure_ascii=False, indent=2) + "\n")
    else:
        where = out() if check else err()
        for problem in source.problems:
            where.print(printable(f"{problem['field']} · {problem['message']}"), style="yellow", markup=False)
    err().print(f"{len(listed.tools)} tools, {len(source.refused)} left out", markup=False)
    return ExitCode.FAILED if check and source.refused else ExitCode.COMPLETED


def _show(listed: ToolList[object], *, as_json: bool) -> None:
    specs = [tool.spec for tool in listed.tools.values()]
    if as_json:
        write_answer(json.dumps([spec.to_openai() for spec in specs], ensure_ascii=False, indent=2) + "\n")
        return
    for spec in specs:
        what = spec.description.partition("\n")[0]
        out().print(printable(" · ".join(part for part in (spec.name, what, spec.title) if part)), markup=False)


def _from_environment(written: Names, option: str) -> dict[str, str]:
    """Read values from environment variables, since credentials in a command line are visible to other users."""
    found: dict[str, str] = {}
    for one in written or ():
        name, equals, variable = one.partition("=")
        if not (name and equals and variable):
            raise ConfigurationError(
                f"{option}: must be NAME=VARIABLE, got {one!r:.80}.",
                guidance="Put the value into an environment variable.",
            )
        if variable not in os.environ:
            raise ConfigurationError(
                f"{option} {name}: the environment variable is not set.",
                guidance="Give the name of the variable, not the value.",
            )
        found[name] = os.environ[variable]
    return found
