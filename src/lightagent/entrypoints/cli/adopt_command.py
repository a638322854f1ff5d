"""``lightagent stores adopt``: copy another store; the operator vouches that its content is genuine."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from lightagent.adapters.journals._behind import same_place
from lightagent.application.journals.copy import copy_journals
from lightagent.compose.configured.backends import open_journals
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import err, out
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, settings_for
from lightagent.ports.journals import JournalStore
from lightagent.settings import Settings

stores_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@stores_app.callback()
def stores() -> None:
    """Copy, seal, encrypt or move whole stores of sessions and runs."""


@stores_app.command()
@guarded
def adopt(
    source: Annotated[str, typer.Option("--from", help="The profile whose settings name the store to copy from.")],
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Copy everything from the store of one profile to that of another, sealed and encrypted as the settings there say.

    Use it to seal or encrypt a store that is not, to change its keys, or to move it to another technology. A sealed
    store refuses entries without a seal, so by this command you vouch that the old ones are genuine. Stop all writers
    first. Entries, sequences, labels and times are kept, and the old store is not changed. After an interruption, run
    the same command again.

    **Examples**

    `lightagent stores adopt --from plain --profile sealed`

    `lightagent stores adopt --from old-keys --profile new-keys && lightagent verify --profile new-keys`
    """
    old = settings_for(config, source, False, trust_config)
    new = settings_for(config, profile, False, trust_config)
    if old.journals is not None and new.journals is not None and same_place(_backend(old), _backend(new)):
        raise ConfigurationError(
            "Both profiles have their journals in the same place.", guidance="Choose an empty place for the new store."
        )
    count = asyncio.run(_copy(_open(old), _open(new)))
    if not count:
        raise StoreError(
            f"The store of the profile {source!r:.80} is empty; nothing was copied.",
            guidance="Check its path in the settings: a file that does not exist is created at the first use.",
        )
    out().print(f"All {count:,} streams are in the new store. The old store was not changed.", markup=False)
    return ExitCode.COMPLETED


async def _copy(source: JournalStore, target: JournalStore) -> int:
    try:
        with err().status("reading the store …") as status:
            return await copy_journals(
                source, target, lambda done, count: status.update(f"{done:,} of {count:,} streams copied …")
            )
    finally:
        await source.aclose()
        await target.aclose()


def _open(settings: Settings) -> JournalStore:
    store = open_journals(settings)
    if store is None:
        raise ConfigurationError(
            f"The profile {settings.provenance.profile!r} does not configure a store.",
            guidance='Add to lightagent.toml: [PROFILE.journals] with kind = "sqlite" and path = "journals.db".',
        )
    return store


def _backend(settings: Settings) -> JsonObject:
    return {} if settings.journals is None else {"kind": settings.journals.kind, **settings.journals.options}
