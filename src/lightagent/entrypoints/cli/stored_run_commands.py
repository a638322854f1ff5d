"""``lightagent runs``: the runs that programs have kept in the store, and what became of them."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from lightagent.application.journal import Journal
from lightagent.application.projections.calls import tool_calls
from lightagent.application.projections.trace import trace_events
from lightagent.application.stored_runs import RunInfo, Runs
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import ExitCode, guarded, out, write_answer
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, User
from lightagent.entrypoints.cli.stores import AsJson, print_listing, with_store
from lightagent.entrypoints.cli.trace_tree import print_tree
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

runs_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

RunId: TypeAlias = Annotated[str, typer.Argument(help="The id of the run.", metavar="RUN")]


@runs_app.command("list")
@guarded
def list_runs(
    user: User = "",
    status: Annotated[
        str | None, typer.Option("--status", help="Only runs with this status, such as suspended or interrupted.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the user's stored runs, the newest first, with their status.

    A run that is `interrupted` or `suspended` can be resumed: `agent.resume(await Runs(store).journal(run_id))`.

    **Examples**

    `lightagent runs list`

    `lightagent runs list --status suspended --json | jq -r '.[].run_id'`
    """

    async def read(store: JournalStore) -> list[RunInfo]:
        return [info async for info in Runs(store).list(user, status=status)]

    found = with_store(read, config, profile, trust_config)
    print_listing(found, _line, "There are no such runs of this user.", as_json=as_json)
    return ExitCode.COMPLETED


def _line(info: RunInfo) -> str:
    return f"{info.run_id} · {info.status} · {info.agent} · {info.events} events"


@runs_app.command()
@guarded
def show(
    run: RunId,
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print what happened in a run as a tree, or its journal as JSON.

    **Examples**

    `lightagent runs show 009353cbc753c7890adb6a1e198955c8`

    `lightagent runs show 009353cbc753c7890adb6a1e198955c8 --json > journal.json`
    """

    async def read(store: JournalStore) -> Journal | None:
        return await Runs(store).journal(run, user)

    journal = with_store(read, config, profile, trust_config)
    if journal is None:
        raise ConfigurationError(
            f"There is no run {printable(run)!r} of this user.", guidance="Type: lightagent runs list"
        )
    if as_json:
        write_answer(journal.to_json() + "\n")
    else:
        print_tree(out(), trace_events(journal.events, stream=False, capture_content=True), tool_calls(journal.events))
    return ExitCode.COMPLETED
