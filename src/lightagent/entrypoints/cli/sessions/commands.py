"""``lightagent sessions``: list, show, replay and export the stored conversations of a user."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.application.projections.calls import tool_calls
from lightagent.application.sessions.info import SessionInfo
from lightagent.application.sessions.load import require_session, session_key
from lightagent.application.sessions.sessions import Sessions
from lightagent.application.sessions.turns import SessionTurn
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, User
from lightagent.entrypoints.cli.stores import (
    Listing,
    gather_listing,
    open_private,
    print_listing,
    to_minute,
    with_store,
)
from lightagent.entrypoints.cli.trace.tree import print_tree
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

sessions_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

SessionId: TypeAlias = Annotated[str, typer.Argument(help="The id of the session.", metavar="SESSION")]


@sessions_app.command("list")
@guarded
def list_sessions(
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the sessions of a user, newest first: status, size, and when each was last used.

    **Examples**

    `lightagent sessions list`

    `lightagent sessions list --user ann --json | jq -r '.[].session_id'`
    """

    async def read(store: JournalStore) -> Listing[SessionInfo]:
        return await gather_listing(Sessions(store, tenant=tenant).list(user))

    found = with_store(read, config, profile, trust_config)
    print_listing(found, _line, "No sessions of this user found.", as_json=as_json)
    return ExitCode.COMPLETED


def _line(info: SessionInfo) -> str:
    used = to_minute(info.updated_at)
    return f"{info.session_id} · {info.status} · {info.events} events, {info.size:,} bytes · {used}"


@sessions_app.command()
@guarded
def show(
    session: SessionId,
    tenant: Tenant = "",
    user: User = "",
    incomplete: Annotated[
        bool, typer.Option("--include-incomplete-turns", help="Include messages of turns that did not complete.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show the conversation of a session.

    Sessions belong to a user: a session that was started with --user is found only with the same --user.

    **Examples**

    `lightagent sessions show monday`

    `lightagent sessions show monday --user ann --json > conversation.json`
    """

    async def read(store: JournalStore) -> tuple[JsonObject, ...]:
        await require_session(store, session_key(Scope(tenant, user, session)))
        return await Sessions(store, tenant=tenant).messages(session, user, include_incomplete_turns=incomplete)

    messages = with_store(read, config, profile, trust_config)
    if as_json:
        write_answer(json.dumps(messages, ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    for message in messages:
        said = message.get("content")
        calls = "" if said is not None else json.dumps(message.get("tool_calls"), ensure_ascii=False)
        text = said if isinstance(said, str) else calls or json.dumps(said, ensure_ascii=False)
        write_answer(f"{message['role']}: {text}\n")
    if not messages:
        out().print(f"The session {printable(session)!r} of this user has no messages.", markup=False)
    return ExitCode.COMPLETED


@sessions_app.command()
@guarded
def replay(
    session: SessionId,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show the turns of a session as trees, from its log; no model or tool is called.

    Failed, blocked, cancelled and undone turns are included.

    **Examples**

    `lightagent sessions replay monday`

    `lightagent sessions replay monday --json | jq '.[].status'`
    """

    async def read(store: JournalStore) -> list[SessionTurn]:
        await require_session(store, session_key(Scope(tenant, user, session)))
        return [turn async for turn in Sessions(store, tenant=tenant).replay(session, user)]

    turns = with_store(read, config, profile, trust_config)
    if as_json:
        write_answer(json.dumps([_as_json(turn) for turn in turns], ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    for turn in turns:
        undone = " · undone" if turn.undone else ""
        out().print(printable(f"{turn.run_id} · {turn.status}{undone} · {query_text(turn)}"), markup=False)
        print_tree(out(), turn.trace(capture_content=True), tool_calls(turn.journal.events))
    if not turns:
        out().print(f"The session {printable(session)!r} of this user has no turns.", markup=False)
    return ExitCode.COMPLETED


def _as_json(turn: SessionTurn) -> JsonObject:
    """Return a turn as JSON."""
    return {
        "run_id": turn.run_id,
        "status": turn.status,
        "undone": turn.undone,
        "journal": json.loads(turn.journal.to_json()),
        "messages": list(turn.messages),
    }


def query_text(turn: SessionTurn) -> str:
    """Return the question of a turn on one line."""
    asked = turn.query
    if asked is None:
        return "(the question was refused by a policy)"
    text = asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False)
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else f"{flat[:159]}…"


@sessions_app.command()
@guarded
def export(
    session: Annotated[str | None, typer.Argument(help="The session. Default: all sessions of the user.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. Default: standard output.")
    ] = None,
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Export a session, or all sessions of the user, as JSON lines.

    **Examples**

    `lightagent sessions export monday --user ann -o monday.jsonl`

    `lightagent sessions export --user ann -o ann.jsonl`
    """

    async def write(store: JournalStore) -> int:
        sessions = Sessions(store, tenant=tenant)
        listing: Listing[SessionInfo] = Listing([])
        names = [session or ""]  # An empty name, such as from an unset variable, does not select all sessions.
        if session is None:
            listing = await gather_listing(sessions.list(user))
            names = [info.session_id for info in listing.found]
        lines = _lines(sessions, names, user)
        first = await anext(lines, None)  # Raises for a missing session, before a file is overwritten.
        with nullcontext(sys.stdout) if output is None else open_private(output) as file:
            if first is not None:
                file.write(first)
            async for line in lines:
                file.write(line)
        if listing.error is not None:
            raise listing.error
        return len(names)

    count = with_store(write, config, profile, trust_config)
    if output is not None or not count:
        console = out() if output is not None else err()
        console.print(f"Exported: {count} session{'' if count == 1 else 's'}", markup=False)
    return ExitCode.COMPLETED


async def _lines(sessions: Sessions, names: Sequence[str], user: str) -> AsyncIterator[str]:
    for name in names:
        async for line in sessions.export(name, user):
            yield line + "\n"
