"""``lightagent memory verify`` and ``adopt``: check memories against their seals and records, and accept them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Final

import typer

from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.application.memory.memories import EVERYTHING
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.stream import FindingKind, MemoryFinding
from lightagent.entrypoints.cli.console import err, write_answer
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
_NOT_GENUINE: Final[tuple[FindingKind, ...]] = ("tampered", "edited", "forged", "replayed")
_REMEDY: Final = (
    "Find out who writes to the store; with a wrong key or name, all seals are invalid. `lightagent memory forget` "
    "with --id and the owner deletes a memory."
)
_REMEDY_ON_RECORD: Final = (
    " Missing memories can be restored from a backup. Once you know the cause, accept the current memories with "
    "`lightagent memory adopt`."
)


@dataclass(frozen=True, slots=True)
class _Verified:
    """The result of verifying some memories.

    Attributes:
        is_recorded: whether a journal store has records of them.
        is_empty: whether there are neither memories nor records of them.
    """

    is_recorded: bool
    findings: Sequence[MemoryFinding]
    is_empty: bool

    @property
    def is_wrong(self) -> bool:
        """Whether a finding is a fault."""
        return any(finding.is_fault for finding in self.findings)


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
    """Check that the memories in a sealed store are those that were written, and list those that are not.

    Seals reveal edited and planted memories. If a journal store is configured, its records also reveal memories that
    were deleted, restored or copied from elsewhere. Agents may run meanwhile.

    Exit code: 0 if nothing is wrong, 1 if something is or a store cannot be read, 2 if options or settings are wrong.

    **Examples**

    `lightagent memory verify --profile prod`

    `lightagent memory verify --tenant acme --json | jq -r '.findings[].memory_id'`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)

    async def look(store: MemoryStore) -> _Verified:
        memory = _sealed(store, "verified")
        findings = [finding async for finding in memory.findings(selection)]
        there = (await memory.unchecked().read(selection, 1)).records
        return _Verified(memory.is_recorded, findings, not (there or findings))

    found = with_memory(look, settings_for(config, profile, False, trust_config))
    if as_json:
        findings: list[JsonValue] = [_as_json(finding) for finding in found.findings]
        answer: JsonObject = {"recorded": found.is_recorded, "empty": found.is_empty, "findings": findings}
        write_answer(json.dumps(answer, indent=2) + "\n")
    else:
        _print(found)
    return ExitCode.FAILED if found.is_wrong else ExitCode.COMPLETED


@guarded
def adopt(
    namespace: Namespace = None,
    tenant: Tenant = None,
    user: User = None,
    session: OfSession = None,
    agent: Agent = None,
    everything: Annotated[bool, typer.Option("--all", help="All memories of all owners.")] = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Record the memories of a sealed store whose seals are valid as the correct ones.

    Use it for memories that are older than [journals], and after `lightagent memory verify` once you know the cause
    of a difference: memories that were deleted, restored or unrecorded are not reported any more, and their number is
    printed. By this command you vouch for the current content. It also deletes older entries of the records.

    **Examples**

    `lightagent memory adopt --all`

    `lightagent memory adopt --tenant acme --user ann && lightagent memory verify`
    """
    selection = OwnerSelection(namespace, tenant, user, session, agent)
    if everything == (selection != EVERYTHING):
        raise ConfigurationError(
            "Select the memories to adopt, or give --all.", guidance="Use --tenant, --user and the like."
        )

    async def declare(store: MemoryStore) -> tuple[int, Sequence[MemoryFinding]]:
        memory = _sealed(store, "adopted")
        findings = [finding async for finding in memory.findings(selection)] if memory.is_recorded else []
        return await memory.adopt(selection), findings

    count, findings = with_memory(declare, settings_for(config, profile, False, trust_config))
    print_line(f"Recorded: {memories_text(count)}")
    if settled := [finding for finding in findings if finding.kind not in _NOT_GENUINE]:
        print_line(f"Accepted: {_counted(settled)}")
    if left := [finding for finding in findings if finding.kind in _NOT_GENUINE]:
        print_line(f"Not accepted, since their seals are invalid: {_counted(left)}")
    return ExitCode.COMPLETED


def _sealed(store: MemoryStore, what: str) -> SealedMemory:
    if not isinstance(store, SealedMemory):
        raise ConfigurationError(
            f"The memory {store.name!r:.100} has no seals, so memories cannot be {what}.",
            guidance='Put kind = "sealed" before it: see docs/memory-security.md.',
        )
    return store


def _print(found: _Verified) -> None:
    for finding in found.findings:
        print_line(_finding_line(finding))
    if found.is_wrong:
        err().print(f"→ {_REMEDY}{_REMEDY_ON_RECORD if found.is_recorded else ''}", style="yellow", markup=False)
    elif found.is_empty:
        print_line(f"No memories found{', and none is recorded' if found.is_recorded else ''}.")
    else:
        told = ", and none is missing" if found.is_recorded else ""
        print_line(f"All memories are as they were written{told}.")


def _counted(findings: Sequence[MemoryFinding]) -> str:
    """Format the number of findings of each kind."""
    kinds = Counter(_NAMES.get(finding.kind, finding.kind) for finding in findings)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))


def _finding_line(finding: MemoryFinding) -> str:
    of = f"{quoted(finding.memory_id)} · {whose(finding.owner)}" if finding.memory_id else whose(finding.owner)
    name = _NAMES.get(finding.kind, finding.kind)
    return f"{name}: {of}" if finding.kind == "tampered" else f"{name}: {of} · {finding.text}"


def _as_json(finding: MemoryFinding) -> JsonObject:
    return {
        "finding": finding.kind,
        "fault": finding.is_fault,
        "memory_id": finding.memory_id,
        "owner": {**asdict(finding.owner)},
        "text": finding.text,
    }
