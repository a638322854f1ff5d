"""``lightagent run``: one question, one answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Unpack

import typer

from lightagent.application.projections.request_preview import RequestPreview
from lightagent.application.projections.result import RunResult
from lightagent.application.strict_json import read_json
from lightagent.bootstrap import App, open_app
from lightagent.entrypoints.cli.console import ExitCode, err, exit_code, guarded, show_error, write_answer
from lightagent.entrypoints.cli.destination import show_destination
from lightagent.entrypoints.cli.journal_file import JournalFile, open_journal_file, show_how_to_resume
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.options import (
    Config,
    Debug,
    Instructions,
    Model,
    Profile,
    Session,
    ShowTrace,
    Strict,
    Tenant,
    Tools,
    TrustConfig,
    User,
    settings_for,
)
from lightagent.entrypoints.cli.progress import Progress
from lightagent.entrypoints.cli.questions import read_question
from lightagent.entrypoints.cli.stand_in import announce_stand_in
from lightagent.entrypoints.cli.telemetry_losses import show_losses
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
    model: Model = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    session: Session = None,
    journal: JournalFile = None,
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print the first request, part by part, and send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
    strict: Strict = False,
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

    `lightagent run "Pay Bob." --tools bank.py --journal pay.db`, which `lightagent resume pay.db` goes on with

    `git diff | lightagent run "Review this diff."`, where what is piped in goes with the question
    """
    asked = read_question(question)
    settings = settings_for(config, profile, debug, trust_config, model)
    announce_stand_in(settings, strict=strict)
    found = load_tools(tools)
    app = open_app(settings, logins=app_logins(settings))
    whose = RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True)
    options = agent_options(found, instructions)
    if show_request:
        return _show_request(asyncio.run(_preview(app, asked, whose, **options)), as_json=as_json)
    show_destination(app.model)
    show = partial(show_result, as_json=as_json, trace=trace)
    result = asyncio.run(_run(app, asked, whose, journal, show, **options))
    show_losses(app)
    if journal is not None:
        show_how_to_resume(result, journal)
    return exit_code(result.outcome)


async def _preview(app: App, question: str, whose: RunOptions, **options: Unpack[AgentOptions]) -> RequestPreview:
    async with app:
        return await app.agent(**options).apreview(question, stream=True, **whose)


def _show_request(preview: RequestPreview, *, as_json: bool) -> ExitCode:
    if as_json:
        write_answer(json.dumps(preview.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        write_answer(f"{preview}\n")
    return ExitCode.COMPLETED


def agent_options(tools: list[ToolFunction], instructions: str | None) -> AgentOptions:
    """What the command line says of the agent; the rest is left to the settings."""
    options = AgentOptions(tools=tools)
    if instructions is not None:
        options["instructions"] = instructions
    return options


async def _run(
    app: App,
    question: str,
    whose: RunOptions,
    journal: Path | None,
    show: Callable[[RunResult], None],
    **options: Unpack[AgentOptions],
) -> RunResult:
    # What waits in a store can be decided with `lightagent review`.
    if whose.get("session_id") is not None and app.journals is not None:
        options.update({"hooks": [HumanApprovalHook(store=app.journals, tools=())]})
    if journal is not None:
        store = open_journal_file(journal)
        app.on_close(store.aclose)
        whose.update({"journal": store})
    agent = app.agent(**options)
    async with app:
        with Progress(err()) as progress:
            result = await watched_run(agent, question, progress.show, **whose)
        show(result)  # Before the app is closed, which may wait for a collector.
    return result


def show_result(result: RunResult, *, as_json: bool, trace: bool) -> None:
    """Print the answer or the whole result, and to standard error the trace and what went wrong."""
    if as_json:
        whole = result.to_dict() | {"journal": read_json(result.journal.to_json())}
        write_answer(json.dumps(whole, ensure_ascii=False, indent=2) + "\n")
    else:
        if trace:
            print_tree(err(), result.trace, result.tool_calls)
        if result.content:
            write_answer(f"{result.content}\n")
    if result.error is not None:
        show_error(result.error)
    elif not result.success:
        err().print("The run waits for a human to approve a tool call.", style="yellow")
