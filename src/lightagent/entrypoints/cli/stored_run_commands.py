"""``lightagent runs``: list, show and resume the runs that programs have stored."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeAlias

import typer

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.calls import tool_calls
from lightagent.application.projections.trace import trace_events
from lightagent.application.stored_runs import RunInfo, Runs, StoredRun, run_status
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.ask_decisions import Approve, CallId, Edit, Reject, Respond, decision_of, waiting_lines
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
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
from lightagent.entrypoints.cli.resume_run import Resuming, resume_with
from lightagent.entrypoints.cli.stores import Listing, gather_listing, print_listing, to_minute, with_store
from lightagent.entrypoints.cli.swarm_files import Swarm
from lightagent.entrypoints.cli.trace.tree import print_tree
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

runs_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

RunId: TypeAlias = Annotated[str, typer.Argument(help="The id of the run.", metavar="RUN")]


@runs_app.command("list")
@guarded
def list_runs(
    tenant: Tenant = "",
    user: User = "",
    status: Annotated[
        str | None, typer.Option("--status", help="Only runs with this status, such as suspended or interrupted.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the stored runs of a user with their status, newest first.

    Runs that are `interrupted` or `suspended` can be resumed: `lightagent runs resume RUN`.

    **Examples**

    `lightagent runs list`

    `lightagent runs list --status suspended --json | jq -r '.[].run_id'`
    """

    async def read(store: JournalStore) -> Listing[RunInfo]:
        wanted = None if status is None else run_status(status)
        return await gather_listing(Runs(store, tenant=tenant).list(user, status=wanted))

    found = with_store(read, config, profile, trust_config)
    print_listing(found, _line, "No runs of this user found.", as_json=as_json)
    return ExitCode.COMPLETED


def _line(info: RunInfo) -> str:
    return f"{info.run_id} · {info.status} · {info.agent} · {info.events} events · {to_minute(info.updated_at)}"


@runs_app.command()
@guarded
def show(
    run: RunId,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show a run: its status and its events as a tree, or its journal as JSON.

    With --json the status goes to standard error. It is `suspended` if the run waits for approval, and `interrupted` if
    its process is gone.

    **Examples**

    `lightagent runs show 009353cbc753c7890adb6a1e198955c8`

    `lightagent runs show 009353cbc753c7890adb6a1e198955c8 --json > journal.json`
    """

    async def read(store: JournalStore) -> StoredRun:
        return await _find_run(store, run, tenant, user)

    found = with_store(read, config, profile, trust_config)
    events = found.journal.events
    (err() if as_json else out()).print(printable(_line(found.info)), markup=False)
    for line in waiting_lines(found.journal):
        (err() if as_json else out()).print(printable(line), markup=False)
    if as_json:
        write_answer(found.journal.to_json() + "\n")
    else:
        print_tree(out(), trace_events(events, stream=False, capture_content=True), tool_calls(events))
    return ExitCode.COMPLETED


async def _find_run(store: JournalStore, run: str, tenant: str, user: str) -> StoredRun:
    """Return the user's stored run with this id.

    Raises:
        ConfigurationError: the user has no such run.
    """
    found = await Runs(store, tenant=tenant).find(run, user)
    if found is None:
        raise ConfigurationError(
            f"The run {printable(run)!r} of this user does not exist.",
            guidance="Type: lightagent runs list --user NAME; and --tenant NAME, if it has one.",
        )
    return found


@runs_app.command()
@guarded
def resume(
    run: RunId,
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
    """Resume a run that was interrupted, or that waits for a decision about a tool call.

    The agent is the one of the settings: give it the same tools as when the run was started, or name the swarm with
    --swarm. Exit codes are those of `run`.

    **Examples**

    `lightagent runs resume 009353cbc753c7890adb6a1e198955c8 --tools my_tools.py --approve`

    `lightagent runs resume 009353cbc753c7890adb6a1e198955c8 --tools my_tools.py --reject "Too expensive."`

    `lightagent runs resume 009353cbc753c7890adb6a1e198955c8 --tools my_tools.py --edit '{"amount": 5}'`
    """

    async def find(store: JournalStore) -> Journal:
        return (await _find_run(store, run, tenant, user)).journal

    return resume_with(
        find,
        decision_of(approve, reject, edit, respond),
        call,
        partial(settings_for, config, profile, debug, trust_config),
        Resuming(tools, instructions, swarm, strict, as_json, trace),
    )
