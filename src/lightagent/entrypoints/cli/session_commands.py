"""``lightagent sessions``: the stored conversations of a user."""

from __future__ import annotations

import json
from typing import Annotated, TypeAlias

import typer

from lightagent.application.session_info import SessionInfo
from lightagent.application.sessions import Sessions
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import ExitCode, guarded, out, write_answer
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, User
from lightagent.entrypoints.cli.stores import AsJson, print_listing, with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

sessions_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

SessionId: TypeAlias = Annotated[str, typer.Argument(help="The session.", metavar="SESSION")]


@sessions_app.command("list")
@guarded
def list_sessions(
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the user's sessions, the newest first: whether one waits for a human, how large it is, when it was used.

    **Examples**

    `lightagent sessions list`

    `lightagent sessions list --user ann --json | jq -r '.[].session_id'`
    """

    async def read(store: JournalStore) -> list[SessionInfo]:
        return [info async for info in Sessions(store).list(user)]

    found = with_store(read, config, profile, trust_config)
    print_listing(found, _line, "There are no sessions of this user.", as_json=as_json)
    return ExitCode.COMPLETED


def _line(info: SessionInfo) -> str:
    return f"{info.session_id} · {info.status} · {info.events} events, {info.size:,} bytes"


@sessions_app.command()
@guarded
def show(
    session: SessionId,
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print the conversation of a session.

    **Examples**

    `lightagent sessions show monday`

    `lightagent sessions show monday --user ann --json > conversation.json`
    """

    async def read(store: JournalStore) -> tuple[JsonObject, ...]:
        return await Sessions(store).messages(session, user)

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
        out().print(f"The session {printable(session)!r} of this user holds nothing.", markup=False)
    return ExitCode.COMPLETED


@sessions_app.command()
@guarded
def forget(
    session: SessionId,
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Remove a session and all that was said in it, for good.

    **Examples**

    `lightagent sessions forget monday --user ann`
    """

    async def remove(store: JournalStore) -> bool:
        return await Sessions(store).forget(session, user)

    if not with_store(remove, config, profile, trust_config):
        raise ConfigurationError(
            f"There is no session {printable(session)!r} of this user.", guidance="Type: lightagent sessions list"
        )
    out().print(f"Forgotten: {printable(session)}", markup=False)
    return ExitCode.COMPLETED
