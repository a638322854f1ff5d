"""``lightagent memory``: the commands that reindex, erase or copy memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import typer

from lightagent.application.memory.memories import EVERYTHING, Memories, chosen_memories, ids_of_several
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.records import MemoryOwner
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.memory.stores import (
    Agent,
    Namespace,
    OfSession,
    Tenant,
    User,
    memories_text,
    print_line,
    quoted,
    require_memory,
    whose,
    with_memory,
)
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, settings_for
from lightagent.ports.memory import MemoryStore, OwnerSelection, ReindexedStore
from lightagent.settings.origins import printable

Ids: TypeAlias = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="Only this memory. Repeatable.")]


@guarded
def forget(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All memories of all owners.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print how many would be deleted.")] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Delete the memories of an owner permanently, or some of them.

    **Examples**

    `lightagent memory forget --tenant acme --user ann --dry-run`

    `lightagent memory forget --user ann --id 5d41402abc4b2a76b9719d911017c592`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)
    if everything == (selection != EVERYTHING or bool(ids)):
        raise ConfigurationError(
            "Select the memories to delete, or give --all.", guidance="Use --tenant, --user and the like, or --id."
        )

    async def remove(store: MemoryStore) -> int:
        # Ids are unique per owner only: other owners may have a memory with the same id.
        may_be_of_several = bool(ids) and None in selection.parts and "read" in store.supports
        chosen = await chosen_memories(store, selection, ids) if dry_run or may_be_of_several else []
        if ids:
            _require_one_owner_each(ids_of_several(chosen))
        if dry_run:
            return len(chosen)
        return await store.forget(selection) if everything else await Memories(store).forget(selection, ids)

    count = with_memory(remove, settings_for(config, profile, False, trust_config))
    print_line(f"{'Would be forgotten' if dry_run else 'Forgotten'}: {memories_text(count)}")
    return ExitCode.COMPLETED


def _require_one_owner_each(several: Mapping[str, Sequence[MemoryOwner]]) -> None:
    for memory_id, owners in several.items():
        raise ConfigurationError(
            f"Memories of {len(owners)} owners have the id {memory_id!r:.100}: {'; '.join(map(whose, owners[:5]))}.",
            guidance="Select its owner with --tenant, --user and the other parts, empty ones as well: --session ''.",
        )


@guarded
def copy(
    to: Annotated[str, typer.Option("--to", metavar="PROFILE", help="The profile to copy to.")],
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Copy memories unchanged to the store of another profile, and check that they have arrived.

    After an interruption, run it again. Nothing is deleted here. Exit code: 1 if the other store has different memories
    with the same ids, which are not changed.

    **Examples**

    `lightagent memory copy --profile dev --to staging --tenant acme`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)
    source, target = (settings_for(config, one, False, trust_config) for one in (profile, to))

    async def carry_out(store: MemoryStore) -> ExitCode:
        other = require_memory(target)
        try:
            with err().status("Copying…") as status:
                copied = await Memories(store).copy(
                    other, selection, lambda count: status.update(f"Copying… {memories_text(count)}")
                )
        finally:
            await other.aclose()
        owners = f"{copied.owners} owner{'' if copied.owners == 1 else 's'}"
        print_line(f"Copied: {memories_text(copied.copied)} of {owners}; {copied.present} existed already")
        for owner, memory_id in copied.differing:
            err().print(printable(f"Differs there: {quoted(memory_id)} · {whose(owner)}"), markup=False)
        return ExitCode.FAILED if copied.differing else ExitCode.COMPLETED

    return with_memory(carry_out, source)


@guarded
def reindex(config: Config = None, profile: Profile = None, trust_config: TrustConfig = False) -> ExitCode:
    """Rebuild the search index of the memories, with the embedder of the settings.

    Use it after you have changed the embedder. After an interruption, run it again.

    **Examples**

    `lightagent memory reindex --profile prod`
    """

    async def make_anew(store: MemoryStore) -> int:
        if not isinstance(store, ReindexedStore):
            raise ConfigurationError(f"A memory of the kind {store.name!r} has no index to rebuild.", guidance="")
        return await store.reindex()

    count = with_memory(make_anew, settings_for(config, profile, False, trust_config))
    print_line(f"Indexed: {memories_text(count)}")
    return ExitCode.COMPLETED
