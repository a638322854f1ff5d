"""``lightagent sessions``: the commands that resume, undo, repeat, mark or fork the turns of a session."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import RunResult
from lightagent.application.sessions.sessions import Sessions
from lightagent.application.sessions.turns import SessionTurn
from lightagent.bootstrap import App
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.ask_decisions import Approve, CallId, Edit, Reject, Respond, decision_of
from lightagent.entrypoints.cli.console import err, out
from lightagent.entrypoints.cli.exit_codes import ExitCode, exit_code, guarded
from lightagent.entrypoints.cli.notices import show_losses
from lightagent.entrypoints.cli.options import (
    AsJson,
    Config,
    Debug,
    Instructions,
    Profile,
    ShowTrace,
    Strict,
    Tenant,
    Tools,
    TrustConfig,
    User,
    settings_for,
)
from lightagent.entrypoints.cli.progress import Progress, watched_run
from lightagent.entrypoints.cli.resume_run import Resuming, opened_for, resume_with
from lightagent.entrypoints.cli.run_command import agent_options, show_result
from lightagent.entrypoints.cli.sessions.commands import SessionId, query_text
from lightagent.entrypoints.cli.stores import with_store
from lightagent.entrypoints.cli.swarm_files import OpenedSwarm, Swarm
from lightagent.entrypoints.cli.tools.files import load_tools
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable


@guarded
def undo(
    session: SessionId,
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Undo the last turn of a session, whether it completed, failed or waits for approval.

    The turn stays in the log, marked as undone; what its tools have done is not undone.

    **Examples**

    `lightagent sessions undo monday --user ann`
    """

    async def change(store: JournalStore) -> SessionTurn:
        return await Sessions(store, tenant=tenant).undo(session, user)

    turn = with_store(change, config, profile, trust_config)
    out().print(printable(f"Undone: {query_text(turn)} ({turn.status})"), markup=False)
    return ExitCode.COMPLETED


@guarded
def rerun(
    session: SessionId,
    question: Annotated[str | None, typer.Option("--question", "-q", help="Ask this question instead.")] = None,
    tools: Tools = None,
    swarm: Swarm = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    trace: ShowTrace = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Ask the question of a session's last turn again, replacing that turn. Exit codes are those of `run`.

    **Examples**

    `lightagent sessions rerun monday --user ann`

    `lightagent sessions rerun monday --question "What is 2 + 3?"`
    """
    how = Resuming(tools, instructions, swarm, strict)
    opened, store = opened_for(partial(settings_for, config, profile, debug, trust_config), how)
    agent = (
        opened.front
        if isinstance(opened, OpenedSwarm)
        else opened.agent(**agent_options(load_tools(tools), instructions))
    )

    async def ask() -> RunResult:
        async with opened:
            last = await Sessions(store, tenant=tenant).last_turn(session, user)
            asked = question if question is not None or last is None else last.query
            if last is None or asked is None:
                raise ConfigurationError(
                    f"The session {printable(session)!r} of this user has no question to ask again.",
                    guidance="Ask it: lightagent run QUESTION --session SESSION; with --tenant NAME, if it has one.",
                )
            with Progress(err()) as progress:
                result = await watched_run(
                    agent,
                    asked,
                    progress.show,
                    tenant=tenant,
                    user_id=user,
                    session_id=session,
                    replace_turn=last.run_id,
                    trace=True,
                )
            show_result(result, as_json=as_json, trace=trace)  # Before closing, which may wait for a collector.
        return result

    result = asyncio.run(ask())
    if isinstance(opened, App):
        show_losses(opened)
    return exit_code(result.outcome)


@guarded
def resume(
    session: SessionId,
    approve: Approve = False,
    reject: Reject = None,
    edit: Edit = None,
    respond: Respond = None,
    call: CallId = None,
    tools: Tools = None,
    swarm: Swarm = None,
    instructions: Instructions = None,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    trace: ShowTrace = False,
    strict: Strict = False,
    config: Config = None,
    profile: Profile = None,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Resume the last turn of a session that was interrupted, or that waits for a decision about a tool call.

    The agent is the one of the settings: give it the same tools as when the turn was started; or name the swarm with
    --swarm, whose sessions are in the store of its agents. Exit codes are those of `run`.

    **Examples**

    `lightagent sessions resume monday --tools my_tools.py --approve`

    `lightagent sessions resume monday --swarm desk.py:desk --reject "Too expensive."`, a session of a swarm
    """

    async def find(store: JournalStore) -> Journal:
        journal = await Sessions(store, tenant=tenant).journal(session, user)
        if journal is None:
            raise ConfigurationError(
                f"The session {printable(session)!r} of this user has no turn to resume.",
                guidance="Type: lightagent sessions list --user NAME; and --tenant NAME, if it has one.",
            )
        return journal

    return resume_with(
        find,
        decision_of(approve, reject, edit, respond),
        call,
        partial(settings_for, config, profile, debug, trust_config),
        Resuming(tools, instructions, swarm, strict, as_json, trace),
    )


@guarded
def checkpoint(
    session: SessionId,
    name: Annotated[str, typer.Argument(help="The name of the checkpoint.", metavar="NAME")],
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Set a checkpoint after the last turn of a session, at which `sessions fork --checkpoint` can copy it.

    **Examples**

    `lightagent sessions checkpoint monday before-lunch`
    """

    async def change(store: JournalStore) -> None:
        await Sessions(store, tenant=tenant).checkpoint(session, name, user)

    with_store(change, config, profile, trust_config)
    out().print(f"Checkpoint: {printable(name)}", markup=False)
    return ExitCode.COMPLETED


@guarded
def fork(
    session: SessionId,
    new: Annotated[str, typer.Argument(help="The id of the new session.", metavar="NEW")],
    at: Annotated[str | None, typer.Option("--checkpoint", help="Copy up to this checkpoint.")] = None,
    turn: Annotated[
        str | None, typer.Option("--turn", metavar="RUN", help="Copy up to the end of this turn; `replay` lists them.")
    ] = None,
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Copy a session, or its beginning, to a new one, so that both can be continued independently.

    **Examples**

    `lightagent sessions fork monday tuesday --user ann`

    `lightagent sessions fork monday afternoon --checkpoint before-lunch`
    """

    async def change(store: JournalStore) -> None:
        await Sessions(store, tenant=tenant).fork(session, new, user, checkpoint=at, turn=turn)

    with_store(change, config, profile, trust_config)
    out().print(f"Forked: {printable(new)}", markup=False)
    return ExitCode.COMPLETED
