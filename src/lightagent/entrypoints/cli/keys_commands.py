"""``lightagent keys``: create, list and revoke the access keys of a server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from lightagent.adapters.system import SystemClock
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.json_types import JsonObject
from lightagent.domain.serving_keys import AccessKey
from lightagent.domain.text.characters import written_out
from lightagent.entrypoints.cli.console import err, write_answer, write_visible_json
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig
from lightagent.entrypoints.cli.stores import Listing, gather_listing, with_store
from lightagent.ports.journals import JournalStore

keys_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

_DAY: Final = 86_400.0

_LAST_DAY: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last day that can be printed; later times in a store are shown as this one."""


@keys_app.command()
@guarded
def create(
    name: Annotated[str, typer.Argument(help="A name for the key, shown in listings.")] = "",
    tenant: Tenant = "",
    user: Annotated[str, typer.Option("--user", "-u", help="The user whose requests have the key.")] = "",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of its holder. Repeatable.")] = None,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", help="A model that the key may use. Repeatable. Default: all.")
    ] = None,
    delegating: Annotated[
        bool, typer.Option("--delegating", help="Each request names its user, as chat interfaces do.")
    ] = False,
    days: Annotated[
        float | None, typer.Option("--days", help="The key is valid for this many days. Default: until it is revoked.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Create an access key and print it. It is shown only once: the store has its hash.

    **Examples**

    `lightagent keys create "Ann's notebook" --tenant acme --user ann --days 90`

    `lightagent keys create open-webui --tenant acme --delegating --agent helper`
    """

    async def make(store: JournalStore) -> tuple[str, AccessKey]:
        return await AccessKeys(store, SystemClock().now).create(
            name,
            tenant=tenant,
            user=user,
            roles=role or (),
            agents=agent,
            delegating=delegating,
            expires_in=None if days is None else days * _DAY,
        )

    key, record = with_store(make, config, profile, trust_config)
    if as_json:
        write_visible_json({"key": key, **_as_dict(record)})
    else:
        write_answer(f"{key}\n")
        err().print(f"The key {record.key_id} is shown only this once. Store it with your secrets.", markup=False)
    return ExitCode.COMPLETED


@keys_app.command("list")
@guarded
def list_keys(
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only keys of this tenant.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the keys, newest first: owner, status, and when each was last used.

    **Examples**

    `lightagent keys list`

    `lightagent keys list --tenant acme --json`
    """

    async def read(store: JournalStore) -> Listing[AccessKey]:
        return await gather_listing(AccessKeys(store, SystemClock().now).list(tenant))

    listing = with_store(read, config, profile, trust_config)
    if as_json:
        write_visible_json([_as_dict(one) for one in listing.found])
    else:
        for one in listing.found:
            write_answer(f"{written_out(_line(one))}\n")
        if not listing.found and listing.error is None:
            err().print("No keys found. Create one with `lightagent keys create`.", markup=False)
    if listing.error is not None:
        raise listing.error
    return ExitCode.COMPLETED


@keys_app.command()
@guarded
def revoke(
    key_id: Annotated[
        str, typer.Argument(metavar="KEY_ID", help="The id of the key, as `lightagent keys list` shows it.")
    ],
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Revoke a key. Running servers notice within five seconds.

    **Examples**

    `lightagent keys revoke KEY_ID`, with an id of `lightagent keys list`
    """

    async def end(store: JournalStore) -> AccessKey:
        return await AccessKeys(store, SystemClock().now).revoke(key_id)

    record = with_store(end, config, profile, trust_config)
    err().print(written_out(f"The key {record.key_id} is revoked."), markup=False)
    return ExitCode.COMPLETED


def _as_dict(one: AccessKey) -> JsonObject:
    """Return everything but the hash."""
    return {
        "key_id": one.key_id,
        "name": one.name,
        "status": one.status(SystemClock().now()),
        "tenant": one.tenant,
        "user": one.user,
        "roles": [*one.roles],
        "agents": None if one.agents is None else [*one.agents],
        "delegating": one.delegating,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "last_used_at": one.last_used_at,
        "revoked_at": one.revoked_at,
    }


def _line(one: AccessKey) -> str:
    told = [one.key_id, one.status(SystemClock().now()), f"tenant {one.tenant or '-'}", f"user {one.user or '-'}"]
    told.append("all agents" if one.agents is None else f"agents {', '.join(one.agents)}")
    if one.roles:
        told.append(f"roles {', '.join(one.roles)}")
    if one.delegating:
        told.append("delegating")
    told.append(f"last used {_day(one.last_used_at)}")
    if one.expires_at is not None:
        told.append(f"until {_day(one.expires_at)}")
    return "  ".join((*told, one.name)).rstrip()


def _day(at: float | None) -> str:
    if at is None:
        return "never"
    return datetime.fromtimestamp(min(at, _LAST_DAY), UTC).strftime("%Y-%m-%d %H:%M")
