"""``lightagent memory``: list, search and export what agents remember."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lightagent.application.memory.means import DEFAULT_USER
from lightagent.application.memory.memories import Memories, record_as_json
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import TAMPERED
from lightagent.entrypoints.cli.console import err, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.memory.stores import (
    Agent,
    Namespace,
    OfSession,
    OneAgent,
    OneNamespace,
    OneSession,
    OneTenant,
    OneUser,
    Tenant,
    User,
    flat,
    memories_text,
    metadata_of,
    moment,
    print_line,
    quoted,
    whose,
    with_memory,
)
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.stores import open_private, to_minute
from lightagent.ports.memory import FailedPart, MemoryStore, OwnerSelection, failed_parts

memory_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@memory_app.command("list")
@guarded
def list_memories(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The maximum number of results.")] = 100,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List memories in the order in which they were written, with their owners.

    **Examples**

    `lightagent memory list --tenant acme --user ann`

    `lightagent memory list --user ann --json | jq -r '.[].text'`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def read(store: MemoryStore) -> list[MemoryRecord]:
        found = list[MemoryRecord]()
        async for record in Memories(store).list(selection):
            found.append(record)
            if len(found) > limit:
                break
        return found

    found = with_memory(read, settings_for(config, profile, False, trust_config))
    if as_json:
        write_answer(json.dumps([record_as_json(one) for one in found[:limit]], ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    for record in found[:limit]:
        told = (quoted(record.memory_id), whose(record.owner), to_minute(record.written_at), flat(record.text))
        print_line(" · ".join(told))
    if not found:
        print_line("No memories found.")
    if len(found) > limit:
        err().print(f"Only {limit} are shown: raise --limit, or use `lightagent memory export`.", markup=False)
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def search(
    query: Annotated[str, typer.Argument(help="What to look for.", metavar="QUERY")],
    namespace: OneNamespace = "",
    tenant: OneTenant = "",
    user: OneUser = DEFAULT_USER,
    session: OneSession = "",
    agent: OneAgent = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The maximum number of results.")] = 5,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="Facts that were valid at this time, such as 2026-03-01 or 1772323200."
        ),
    ] = None,
    with_history: Annotated[
        bool, typer.Option("--history", help="Include facts that are not valid any more, or not yet.")
    ] = False,
    having: Annotated[
        list[str] | None,
        typer.Option(
            "--having", metavar="KEY=VALUE", help="Only with this metadata; VALUE is JSON or text. Repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Search the memories of one owner as a run does, without expired and superseded ones and candidates.

    **Examples**

    `lightagent memory search "What is my dog called?" --user ann`

    `lightagent memory search "Where do I live?" --user ann --at 2026-03-01 --having topic=home`
    """
    owner = MemoryOwner(namespace, tenant, user, session, agent)
    wanted = RecallFilter(
        time.time(),
        metadata=metadata_of(having),
        valid_at=None if at is None else moment(at),
        with_history=with_history,
    )

    async def look(store: MemoryStore) -> tuple[list[FoundMemory], tuple[FailedPart, ...]]:
        found = await store.recall(owner, query, limit, wanted)
        return [*found], failed_parts(found)

    found, failed = with_memory(look, settings_for(config, profile, False, trust_config))
    for part in failed:
        err().print(f"The search is incomplete: {part.part} failed ({part.kind}).", markup=False)
    if as_json:
        answer = [{**one.fields, "text": one.text} for one in found]
        write_answer(json.dumps(answer, ensure_ascii=False, indent=2, default=str) + "\n")
        return ExitCode.COMPLETED
    for one in found:
        text = "(tampered with: its seal does not fit)" if one.fields.get(TAMPERED) is True else flat(one.text)
        print_line(f"{quoted(str(one.fields.get('memory_id', '')))} · {text}")
    if not found:
        print_line(f"No memories of {whose(owner)} match.")
    return ExitCode.COMPLETED


@memory_app.command()
@guarded
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. Default: standard output.")
    ] = None,
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Export the memories of an owner, or of all, as JSON lines.

    **Examples**

    `lightagent memory export --tenant acme --user ann -o ann.jsonl`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def write(store: MemoryStore) -> int:
        count = -2  # The first and last lines of an export are not memories.
        with nullcontext() if output is None else open_private(output) as file:
            write_line = write_answer if file is None else file.write
            async for line in Memories(store).export(selection):
                write_line(line + "\n")
                count += 1
        return count

    count = with_memory(write, settings_for(config, profile, False, trust_config))
    if output is not None:
        print_line(f"Exported: {memories_text(count)}")
    return ExitCode.COMPLETED
