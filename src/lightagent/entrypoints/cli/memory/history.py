"""``lightagent memory history``: show when each fact was valid, and what superseded it."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from lightagent.application.memory.facts import Facts, FactVersion
from lightagent.application.memory.means import DEFAULT_USER
from lightagent.application.memory.memories import record_as_json
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.validity import NEVER
from lightagent.entrypoints.cli.console import write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.memory.stores import (
    OneAgent,
    OneNamespace,
    OneSession,
    OneTenant,
    OneUser,
    flat,
    print_line,
    quoted,
    whose,
    with_memory,
)
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.stores import to_minute
from lightagent.ports.memory import MemoryStore

_FIRST: Final = -30_610_224_000.0
_LAST: Final = 253_370_764_800.0
"""The years from 1000 to 9998, which are printed as dates; other times are printed as seconds."""


@guarded
def history(
    memory_id: Annotated[str | None, typer.Argument(help="Only the fact of this memory.", metavar="[ID]")] = None,
    namespace: OneNamespace = "",
    tenant: OneTenant = "",
    user: OneUser = DEFAULT_USER,
    session: OneSession = "",
    agent: OneAgent = "",
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """List the facts of one owner with the times when each was valid, earliest first, including superseded ones.

    **Examples**

    `lightagent memory history --user ann`

    `lightagent memory history 5d41402abc4b2a76b9719d911017c592 --user ann --json`
    """
    owner = MemoryOwner(namespace, tenant, user, session, agent)

    async def look(store: MemoryStore) -> list[FactVersion]:
        return await Facts(store).history(owner, memory_id)

    found = with_memory(look, settings_for(config, profile, False, trust_config))
    if as_json:
        answer = [
            {**record_as_json(one.record), "valid_from": one.valid_from, "valid_until": one.valid_until}
            for one in found
        ]
        write_answer(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        return ExitCode.COMPLETED
    for one in found:
        held = f"{_time(one.valid_from, 'always')} to {_time(one.valid_until, 'now')}"
        print_line(f"{quoted(one.record.memory_id)} · {held} · {flat(one.record.text)}")
    if not found:
        print_line(f"No memories of {whose(owner)} found.")
    return ExitCode.COMPLETED


def _time(seconds: float | None, otherwise: str) -> str:
    if seconds is None:
        return otherwise
    if abs(seconds) == NEVER:
        return "a time that cannot be read"
    return to_minute(seconds) if _FIRST <= seconds < _LAST else f"{seconds:g}"
