"""``lightagent memory``: what is remembered, and for whom, without a model."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Final, TypeAlias, TypeVar

import typer

from lightagent.compose.backends import open_memory
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out, write_answer
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.stores import open_private, to_minute
from lightagent.ports.memory import MemoryFeature, MemoryStore, OwnerSelection, ReindexedStore
from lightagent.settings.origins import printable

T = TypeVar("T")

_PAGE: Final = 200
_PARTS: Final = ("namespace", "tenant", "user", "session", "agent")

memory_app = typer.Typer(no_args_is_help=True)

Namespace: TypeAlias = Annotated[str | None, typer.Option("--namespace", help="Of the memory policy.")]
Tenant: TypeAlias = Annotated[str | None, typer.Option("--tenant", help="Of the runs.")]
User: TypeAlias = Annotated[
    str | None, typer.Option("--user", "-u", help="Of the runs; those without one remember for default_user.")
]
Session: TypeAlias = Annotated[str | None, typer.Option("--session", help="For what is kept for one conversation.")]
Agent: TypeAlias = Annotated[str | None, typer.Option("--agent", help="For what is an agent's own.")]


@memory_app.command("list")
@guarded
def list_memories(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: Session = None,
    agent: Agent = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print memories, the oldest first: all, or those of the owners that are named.

    **Examples**

    `lightagent memory list --user ann`

    `lightagent memory list --tenant acme --json`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def show(store: MemoryStore) -> int:
        count = 0
        async for record in _records(store, selection):
            count += 1
            write_answer(f"{json.dumps(_as_json(record))}\n" if as_json else f"{_line(record)}\n")
        return count

    if not _with_memory(show, config, profile, trust_config, "read") and not as_json:
        out().print("Nothing is remembered.", markup=False)
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def search(
    query: Annotated[str, typer.Argument(help="What is searched for.")],
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: Session = None,
    agent: Agent = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many memories are printed at most.")] = 5,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print what one owner's runs would be told about a query, before their memory policy has a say.

    **Examples**

    `lightagent memory search "What does my sister do?" --user ann`
    """
    owner = MemoryOwner(namespace or "", tenant or "", user or "default_user", session or "", agent or "")

    async def look(store: MemoryStore) -> list[str]:
        return [found.text for found in await store.recall(owner, query, limit, RecallFilter(time.time()))]

    found = _with_memory(look, config, profile, trust_config)
    for text in found:
        write_answer(f"{printable(' '.join(text.split()))}\n")
    if not found:
        out().print("Nothing is remembered about that.", markup=False)
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def export(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: Session = None,
    agent: Agent = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file that is written; otherwise standard output.")
    ] = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Write all that is remembered, or that of the owners that are named, as lines of JSON.

    **Examples**

    `lightagent memory export --user ann -o ann.jsonl`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def write(store: MemoryStore) -> int:
        count = 0
        with nullcontext(sys.stdout) if output is None else open_private(output) as file:
            async for record in _records(store, selection):
                count += 1
                file.write(f"{json.dumps(_as_json(record))}\n")
        return count

    count = _with_memory(write, config, profile, trust_config, "read")
    err().print(f"Exported: {_counted(count)}", markup=False)
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def forget(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: Session = None,
    agent: Agent = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything of everybody.")] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Remove what is remembered of the owners that are named, for good.

    An empty part stands for owners that have none: `--tenant ""`.

    **Examples**

    `lightagent memory forget --tenant acme --user ann`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)
    if everything == any(part is not None for part in selection.parts):
        raise ConfigurationError(
            "Name the owners whose memories are removed, or --all.", guidance="Such as --tenant acme --user ann."
        )

    async def remove(store: MemoryStore) -> int:
        return await store.forget(selection)

    count = _with_memory(remove, config, profile, trust_config, "forget")
    out().print(f"Forgotten: {_counted(count)}", markup=False)
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def reindex(config: Config = None, profile: Profile = None, trust_config: TrustConfig = False) -> ExitCode:
    """Make everything anew by which memories are found, with the embedder that the settings name.

    What was written with another embedder is brought over. Where it breaks off, do it again.

    **Examples**

    `lightagent memory reindex --profile prod`
    """

    async def make_anew(store: MemoryStore) -> int:
        if not isinstance(store, ReindexedStore):
            raise ConfigurationError(
                f"A memory of the kind {store.name!r} has no index that could be made anew.", guidance=""
            )
        return await store.reindex()

    count = _with_memory(make_anew, config, profile, trust_config)
    out().print(f"Indexed: {_counted(count)}", markup=False)
    return ExitCode.COMPLETED


def _with_memory(
    work: Callable[[MemoryStore], Awaitable[T]],
    config: Path | None,
    profile: str | None,
    trust: bool,
    *needs: MemoryFeature,
) -> T:
    """What `work` gives with the open store, which is closed afterwards.

    Raises:
        ConfigurationError: no settings name a store of memories, or theirs does not support what is needed.
        StoreError: it cannot be read or written.
    """
    store = open_memory(settings_for(config, profile, False, trust))
    if store is None:
        raise ConfigurationError(
            "No settings say where memories are kept.",
            guidance='Add to lightagent.toml: [default.memory] with kind = "sqlite" and path = "memory.db".',
        )
    for feature in needs:
        if feature not in store.supports:
            raise ConfigurationError(f"A memory of the kind {store.name!r} cannot {feature}.", guidance="")

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


async def _records(store: MemoryStore, selection: OwnerSelection) -> AsyncIterator[MemoryRecord]:
    cursor: str | None = None
    while True:
        page = await store.read(selection, _PAGE, cursor)
        for record in page.records:
            yield record
        cursor = page.cursor
        if cursor is None:
            return


def _as_json(record: MemoryRecord) -> JsonObject:
    owner: JsonObject = dict(zip(_PARTS, record.owner.parts, strict=True))
    return {
        "memory_id": record.memory_id,
        "owner": owner,
        "text": record.text,
        "metadata": record.metadata,
        "written_at": record.written_at,
    }


def _line(record: MemoryRecord) -> str:
    named = (f"{name}={part}" for name, part in zip(_PARTS, record.owner.parts, strict=True) if part)
    return printable(f"{to_minute(record.written_at)}  {' '.join(named)}  {' '.join(record.text.split())}")


def _counted(count: int) -> str:
    return f"{count:,} memor{'y' if count == 1 else 'ies'}"
