"""``lightagent run``: ask one question and print the answer."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lightagent.agent import LightAgent
from lightagent.application.projections.request_preview import RequestPreview
from lightagent.application.projections.result import RunResult
from lightagent.application.strict_json import read_json
from lightagent.bootstrap import App, open_app
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err, show_error, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, exit_code, guarded
from lightagent.entrypoints.cli.journal_file import JournalFile, open_journal_file, show_how_to_resume
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.notices import announce_stand_in, show_destination, show_losses
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
from lightagent.entrypoints.cli.progress import Progress, watched_run
from lightagent.entrypoints.cli.read_query import read_question
from lightagent.entrypoints.cli.stores import require_store
from lightagent.entrypoints.cli.swarm_files import OpenedSwarm, Swarm, refuse_beside_a_swarm
from lightagent.entrypoints.cli.tools.files import ToolFunction, load_tools
from lightagent.entrypoints.cli.trace.tree import print_tree
from lightagent.human_review import HumanApprovalHook
from lightagent.options import AgentOptions, RunOptions
from lightagent.settings import Settings


@guarded
def run(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    tools: Tools = None,
    swarm: Swarm = None,
    config: Config = None,
    profile: Profile = None,
    model: Model = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    session: Session = None,
    journal: JournalFile = None,
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print the first request, part by part, without sending it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result as JSON.")] = False,
    strict: Strict = False,
    trace: ShowTrace = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Ask one question. The answer goes to standard output, progress and errors to standard error.

    Exit code: 0 if the run completed, 1 if it failed, 2 if options or settings are wrong, 3 if it waits for approval,
    130 on Ctrl-C.

    **Examples**

    `lightagent run "What is 12 * (3 + 4)?" --tools examples/repository_tools.py:calculate`

    `git diff | lightagent run - --instructions "Review this diff." > review.txt`

    `lightagent run "What did I ask before?" --session monday`, with `[default.journals]` in the settings

    `lightagent run "Which files mention errors?" --tools my_tools.py --trace`

    `lightagent run "Hello" --profile prod --json | jq .usage`

    `lightagent run "Pay Bob." --tools bank.py --journal pay.db`, which `lightagent resume pay.db` continues

    `git diff | lightagent run "Review this diff."`, where the piped text is added to the question

    `lightagent run "Pay invoice A-17." --swarm examples/service_desk/desk.py:desk --journal pay.db`
    """
    if context.args:
        raise ConfigurationError(
            f"The question must be one argument, got {len(context.args) + 1}.",
            guidance=f"Put it in quotes: lightagent run {shlex.quote(' '.join([question, *context.args]))}",
        )
    asked = read_question(question)
    whose = RunOptions(tenant=tenant, user_id=user, session_id=session, trace=True)
    if swarm is not None:
        refuse_beside_a_swarm(
            {
                "--tools": tools,
                "--model": model,
                "--instructions": instructions,
                "--config": config,
                "--profile": profile,
                "--debug": debug,
                "--trust-config": trust_config,
            }
        )
        opened = OpenedSwarm(swarm, strict=strict)
        asking = _Asking(opened, opened.front, asked, whose)
    else:
        settings = settings_for(config, profile, debug, trust_config, model)
        announce_stand_in(settings, strict=strict)
        asking = _asking(settings, agent_options(load_tools(tools), instructions), asked, whose)
    if show_request:
        return _show_request(asyncio.run(_preview(asking)), as_json=as_json)
    result = asyncio.run(_run(asking, journal, partial(show_result, as_json=as_json, trace=trace)))
    if isinstance(asking.opened, App):
        show_losses(asking.opened)
    if journal is not None:
        show_how_to_resume(result, journal)
    return exit_code(result.outcome)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question and the agent that answers it.

    Attributes:
        opened: the app or the swarm of the agent, which is closed afterwards.
        whose: the options of the run.
    """

    opened: App | OpenedSwarm
    agent: LightAgent
    question: str
    whose: RunOptions


def _asking(settings: Settings, options: AgentOptions, question: str, whose: RunOptions) -> _Asking:
    """Prepare the question to the agent of the settings."""
    app = open_app(settings, logins=app_logins(settings))
    if whose.get("session_id") is not None:
        # With this hook, waiting calls in a store can be decided with `lightagent review`.
        options.update({"hooks": [HumanApprovalHook(store=require_store(app.journals), tools=())]})
    return _Asking(app, app.agent(**options), question, whose)


async def _preview(asking: _Asking) -> RequestPreview:
    async with asking.opened:
        return await asking.agent.apreview(asking.question, stream=True, **asking.whose)


def _show_request(preview: RequestPreview, *, as_json: bool) -> ExitCode:
    if as_json:
        write_answer(json.dumps(preview.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        write_answer(f"{preview}\n")
    return ExitCode.COMPLETED


def agent_options(tools: list[ToolFunction], instructions: str | None) -> AgentOptions:
    """Return the options of the agent that the command line sets; the rest comes from the settings."""
    options = AgentOptions(tools=tools)
    if instructions is not None:
        options["instructions"] = instructions
    return options


async def _run(asking: _Asking, journal: Path | None, show: Callable[[RunResult], None]) -> RunResult:
    opened, whose = asking.opened, asking.whose
    if journal is not None:
        store = open_journal_file(journal)
        opened.on_close(store.aclose)
        whose.update({"journal": store})
    show_destination(*([opened.model] if isinstance(opened, App) else opened.models))
    async with opened:
        with Progress(err()) as progress:
            result = await watched_run(asking.agent, asking.question, progress.show, **whose)
        show(result)  # Before closing the app, which may wait for a telemetry collector.
    return result


def show_result(result: RunResult, *, as_json: bool, trace: bool) -> None:
    """Print the answer or the whole result; trace and errors go to standard error."""
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
        err().print("The run waits for approval of a tool call.", style="yellow")
