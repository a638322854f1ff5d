"""``lightagent run``: one question, one answer."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated, Unpack

import typer

from lightagent.application.projections.result import RunResult
from lightagent.bootstrap import App, open_app
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import ExitCode, err, exit_code, guarded, show_error, write_answer
from lightagent.entrypoints.cli.destination import show_destination
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.options import (
    Config,
    Debug,
    Instructions,
    Profile,
    Session,
    ShowTrace,
    Tenant,
    Tools,
    TrustConfig,
    User,
    settings_for,
)
from lightagent.entrypoints.cli.progress import Progress
from lightagent.entrypoints.cli.tool_files import ToolFunction, load_tools
from lightagent.entrypoints.cli.trace_tree import print_tree
from lightagent.entrypoints.cli.watched_run import watched_run
from lightagent.human_review import HumanApprovalHook
from lightagent.options import AgentOptions, RunOptions


@guarded
def run(
    question: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    tools: Tools = None,
    config: Config = None,
    profile: Profile = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    session: Session = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
    trace: ShowTrace = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Ask once. The answer goes to standard output, progress and errors to standard error.

    Ends with 0 if the run completed, 1 if it failed, 2 if options or settings are wrong, 3 if it waits for a human,
    130 on Ctrl-C.

    **Examples**

    `lightagent run "What is 12 * (3 + 4)?" --tools examples/repository_tools.py:calculate`

    `git diff | lightagent run - --instructions "Review this diff." > review.txt`

    `lightagent run "What did I ask before?" --session monday`, with `[default.journals]` in the settings

    `lightagent run "Which files mention errors?" --tools my_tools.py --trace`

    `lightagent run "Hello" --profile prod --json | jq .usage`
    """
    asked = _question(question)
    settings = settings_for(config, profile, debug, trust_config)
    found = load_tools(tools)
    app = open_app(settings, logins=app_logins(settings))
    show_destination(app.model)
    whose = RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True)
    result = asyncio.run(_run(app, asked, whose, **agent_options(found, instructions)))
    show_result(result, as_json=as_json, trace=trace)
    return exit_code(result.outcome)


def agent_options(tools: list[ToolFunction], instructions: str | None) -> AgentOptions:
    """What the command line says of the agent; the rest is left to the settings."""
    options = AgentOptions(tools=tools)
    if instructions is not None:
        options["instructions"] = instructions
    return options


async def _run(app: App, question: str, whose: RunOptions, **options: Unpack[AgentOptions]) -> RunResult:
    # What waits in a store can be decided with `lightagent review`.
    if whose.get("session_id") is not None and app.journals is not None:
        options["hooks"] = [HumanApprovalHook(store=app.journals, tools=())]
    agent = app.agent(**options)
    async with app:
        with Progress(err()) as progress:
            return await watched_run(agent, question, progress.show, **whose)


def _question(given: str) -> str:
    asked = sys.stdin.read() if given == "-" else given
    if not asked.strip():
        raise ConfigurationError("The question is empty.", guidance='Type: lightagent run "…", or pipe it into run -.')
    return asked


def show_result(result: RunResult, *, as_json: bool, trace: bool) -> None:
    """Print the answer or the whole result, and to standard error the trace and what went wrong."""
    if as_json:
        write_answer(json.dumps(result.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        if trace:
            print_tree(err(), result.trace, result.tool_calls)
        if result.content:
            write_answer(f"{result.content}\n")
    if result.error is not None:
        show_error(result.error)
    elif not result.success:
        err().print("The run waits for a human to approve a tool call.", style="yellow")
