"""``lightagent stores adopt``: takes over what another store holds, which is somebody's word that it is genuine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from lightagent.application.copy_journals import copy_journals
from lightagent.bootstrap import open_journals
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, settings_for
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

stores_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@stores_app.callback()
def stores() -> None:
    """Stores of sessions and runs as wholes."""


@stores_app.command()
@guarded
def adopt(
    source: Annotated[
        str, typer.Option("--from", help="The profile whose settings name the store that is taken over.")
    ],
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Copy everything from the store of one profile into that of another, sealed and encrypted as the other one is.

    A sealed store refuses what has no seal, and an encrypted one what is in the clear. This command is your word that
    it is genuine. It also changes keys for good, and moves a store to another technology. Nobody should write
    meanwhile. Entries, sequences, labels and times stay; the other store is left as it is. After an interruption give
    the same command again.

    **Examples**

    `lightagent stores adopt --from plain --profile sealed`

    `lightagent stores adopt --from old-keys --profile new-keys && lightagent verify --profile new-keys`
    """
    old = settings_for(config, source, False, trust_config)
    new = settings_for(config, profile, False, trust_config)
    if _place(old) == _place(new):
        raise ConfigurationError(
            "Both profiles keep their journals in the same place.", guidance="Name an empty place for the new store."
        )
    count = asyncio.run(_copy(_open(old), _open(new)))
    out().print(f"{count:,} streams were copied. The store they came from was left as it is.", markup=False)
    return ExitCode.COMPLETED


async def _copy(source: JournalStore, target: JournalStore) -> int:
    try:
        with err().status("reading the store …") as status:
            return await copy_journals(
                source, target, lambda done, count: status.update(f"{done:,} of {count:,} streams were copied …")
            )
    finally:
        await source.aclose()
        await target.aclose()


def _open(settings: Settings) -> JournalStore:
    store = open_journals(settings)
    if store is None:
        raise ConfigurationError(
            f"The profile {settings.provenance.profile!r} names no store.",
            guidance='Add to lightagent.toml: [PROFILE.journals] with kind = "sqlite" and path = "journals.db".',
        )
    return store


def _place(settings: Settings) -> JsonObject | None:
    """The store that keeps the streams, whatever stands before it."""
    if settings.journals is None:
        return None
    options: JsonObject = {"kind": settings.journals.kind, **settings.journals.options}
    while options["kind"] in ("encrypted", "sealed") and isinstance(behind := options.get("store"), dict):
        options = {"kind": "", **behind}
    return options
