"""``lightagent memory verify``: are the memories still those that were written?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_stream import FindingKind, MemoryFinding
from lightagent.entrypoints.cli.console import ExitCode, guarded, write_answer
from lightagent.entrypoints.cli.memory_stores import (
    Agent,
    Namespace,
    OfSession,
    Tenant,
    User,
    print_line,
    whose,
    with_memory,
)
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.ports.memory import MemoryStore, OwnerSelection

_NAMES: Final[Mapping[FindingKind, str]] = {
    "tampered": "tampered with",
    "rolled_back": "rolled back",
    "stream": "the record of a stream",
}


@guarded
def verify(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Look whether memories in a sealed store are those that were written, and name each that is not.

    Seals tell what was edited or planted. Where a journal store is configured, the streams there tell what was removed,
    put back or copied from elsewhere. The service may go on meanwhile.

    Exit code 0: nothing is wrong. 1: something is, or a store cannot be read. 2: wrong options or settings.

    **Examples**

    `lightagent memory verify --profile prod`

    `lightagent memory verify --tenant acme --json | jq -r '.findings[].memory_id'`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def look(store: MemoryStore) -> tuple[bool, list[MemoryFinding]]:
        if not isinstance(store, SealedMemory):
            raise ConfigurationError(
                f"The memory {store.name!r:.100} has no seals, so nothing can be verified.",
                guidance='Put kind = "sealed" before it: see docs/memory-security.md.',
            )
        return store.is_recorded, [finding async for finding in store.findings(selection)]

    is_recorded, findings = with_memory(look, settings_for(config, profile, False, trust_config))
    wrong = any(finding.is_fault for finding in findings)
    if as_json:
        answer: JsonObject = {"recorded": is_recorded, "findings": [_as_json(finding) for finding in findings]}
        write_answer(json.dumps(answer, indent=2) + "\n")
        return ExitCode.FAILED if wrong else ExitCode.COMPLETED
    for finding in findings:
        print_line(_told(finding))
    if not wrong:
        print_line(f"All of these memories are as they were written{', and none is missing' if is_recorded else ''}.")
    return ExitCode.FAILED if wrong else ExitCode.COMPLETED


def _told(finding: MemoryFinding) -> str:
    if finding.owner is None:
        return f"{_NAMES.get(finding.kind, finding.kind)}: {finding.text}"
    of = " · ".join(part for part in (finding.memory_id, whose(finding.owner)) if part)
    name = _NAMES.get(finding.kind, finding.kind)
    return f"{name}: {of}" if finding.kind == "tampered" else f"{name}: {of} · {finding.text}"


def _as_json(finding: MemoryFinding) -> JsonObject:
    owner = finding.owner
    parts: JsonObject | None = None
    if owner is not None:
        parts = dict(zip(("namespace", "tenant", "user", "session", "agent"), owner.parts, strict=True))
    told: JsonObject = {"finding": finding.kind, "fault": finding.is_fault, "memory_id": finding.memory_id}
    return {**told, "owner": parts, "text": finding.text}
