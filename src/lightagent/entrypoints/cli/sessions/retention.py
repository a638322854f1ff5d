"""``lightagent sessions``: the commands that delete sessions or parts of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Final, TypeAlias

import typer

from lightagent.application.sessions.load import no_session, session_key
from lightagent.application.sessions.prune import PrunedSessions
from lightagent.application.sessions.sessions import Sessions
from lightagent.application.sessions.trim import TrimmedSession
from lightagent.domain.errors import ConfigurationError, IncompleteListing
from lightagent.domain.scopes import Scope
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, Tenant, TrustConfig, User
from lightagent.entrypoints.cli.sessions.commands import SessionId
from lightagent.entrypoints.cli.stores import with_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES: Final = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3}

OlderThan: TypeAlias = Annotated[
    str | None, typer.Option("--older-than", metavar="TIME", help="Such as 90s, 30m, 12h, 30d or 4w.")
]
MaxBytes: TypeAlias = Annotated[
    str | None, typer.Option("--max-bytes", metavar="SIZE", help="Such as 500000, 500k, 20M or 1G.")
]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")]


@guarded
def forget(
    session: SessionId,
    tenant: Tenant = "",
    user: User = "",
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Delete a session permanently, with all its messages.

    **Examples**

    `lightagent sessions forget monday --user ann`
    """

    async def remove(store: JournalStore) -> bool:
        return await Sessions(store, tenant=tenant).forget(session, user)

    if not with_store(remove, config, profile, trust_config):
        raise no_session(session_key(Scope(tenant, user, session)))
    out().print(f"Forgotten: {printable(session)}", markup=False)
    return ExitCode.COMPLETED


@guarded
def prune(
    older_than: OlderThan = None,
    keep: Annotated[int | None, typer.Option("--keep", help="How many sessions of a user to keep.")] = None,
    max_bytes: MaxBytes = None,
    dry_run: DryRun = False,
    tenant: Tenant = "",
    user: User = "",
    all_users: Annotated[bool, typer.Option("--all-users", help="Apply the limits to every user.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Delete whole sessions that exceed a limit, least recently used first.

    Sessions with an active turn are kept. Exit code: 1 if something cannot be read.

    **Examples**

    `lightagent sessions prune --older-than 30d --all-users --dry-run`

    `lightagent sessions prune --user ann --keep 20 --max-bytes 50M`
    """
    if user and all_users:
        raise ConfigurationError("--user and --all-users cannot be combined.", guidance="Give one of them.")

    async def remove(store: JournalStore) -> PrunedSessions:
        return await Sessions(store, tenant=tenant).prune(
            None if all_users else user,
            older_than=_amount(older_than, _SECONDS, "--older-than"),
            keep=keep,
            max_bytes=_whole(_amount(max_bytes, _BYTES, "--max-bytes")),
            dry_run=dry_run,
        )

    pruned = with_store(remove, config, profile, trust_config)
    if as_json:
        write_answer(json.dumps({**asdict(pruned), "dry_run": dry_run}, ensure_ascii=False, indent=2) + "\n")
    else:
        _print_pruned(pruned, dry_run=dry_run)
    if pruned.unreadable:
        raise IncompleteListing(pruned.unreadable)
    return ExitCode.COMPLETED


def _print_pruned(pruned: PrunedSessions, *, dry_run: bool) -> None:
    done = "Would be removed" if dry_run else "Removed"
    for info in pruned.removed:
        whose = f" of {info.user_id}" if info.user_id else ""
        out().print(printable(f"{done}: {info.session_id}{whose} · {info.size:,} bytes"), markup=False)
    for info in pruned.in_use:
        out().print(printable(f"Kept, since it is in use: {info.session_id}"), markup=False)
    out().print(f"{done}: {len(pruned.removed)} sessions, {pruned.size:,} bytes", markup=False)


@guarded
def trim(
    session: SessionId,
    older_than: OlderThan = None,
    keep: Annotated[int | None, typer.Option("--keep", help="How many turns to keep.")] = None,
    max_bytes: MaxBytes = None,
    dry_run: DryRun = False,
    tenant: Tenant = "",
    user: User = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Delete the oldest turns of one session that exceed a limit. The conversation can be continued.

    **Examples**

    `lightagent sessions trim monday --user ann --keep 50`

    `lightagent sessions trim monday --older-than 30d --dry-run`
    """

    async def remove(store: JournalStore) -> TrimmedSession:
        return await Sessions(store, tenant=tenant).trim(
            session,
            user,
            older_than=_amount(older_than, _SECONDS, "--older-than"),
            keep=keep,
            max_bytes=_whole(_amount(max_bytes, _BYTES, "--max-bytes")),
            dry_run=dry_run,
        )

    trimmed = with_store(remove, config, profile, trust_config)
    if as_json:
        write_answer(json.dumps({**asdict(trimmed), "dry_run": dry_run}, indent=2) + "\n")
    else:
        done = "Would be removed" if dry_run else "Removed"
        removed = f"{trimmed.turns} turns, {trimmed.events} entries, {trimmed.size:,} bytes"
        out().print(f"{done}: {removed}; {trimmed.added:,} bytes were added in their place", markup=False)
    return ExitCode.COMPLETED


def seconds_of(text: str) -> float:
    """The seconds of the option `--older-than`."""
    return _in_units(text, _SECONDS, "--older-than")


def _amount(text: str | None, units: dict[str, int], option: str) -> float | None:
    return None if text is None else _in_units(text, units, option)


def _in_units(text: str, units: dict[str, int], option: str) -> float:
    """Convert a number with a unit to the smallest unit. Times require a unit, since a bare 30 could mean days."""
    unit = text[-1:] if text[-1:] in units else ""
    number = text.removesuffix(unit)
    if unit not in units or not (number.isascii() and number.replace(".", "", 1).isdigit()):
        raise ConfigurationError(
            f"{option}: must be a number with a unit, got {printable(text)!r}.",
            guidance=f"Units: {', '.join(filter(None, units))}.",
        )
    return float(number) * units[unit]


def _whole(amount: float | None) -> int | None:
    return None if amount is None else int(amount)
