"""``lightagent verify``: check that a store contains exactly what was written to it."""

from __future__ import annotations

import json

from lightagent.application.journals.verify import JournalCheck, check_journals
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.json_types import JsonObject
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.stores import in_store
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable
from lightagent.settings.sections.base import Backend

_EMPTY = "If it should not be, check its path in the settings: a file that does not exist is created."


@guarded
def verify(
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Check the whole store, and list every stream that is not as it was written.

    Every entry is read and, if it is encrypted, decrypted. Every stream is looked up by its owner and labels, which
    reveals an edited index. Seals, and heads if they are kept elsewhere, reveal entries that were changed, deleted,
    restored, cut off, or replaced by an older copy. Agents may run meanwhile.

    Exit code: 0 if nothing is wrong, 1 if something is or the store cannot be read, 2 if options or settings are wrong.

    **Examples**

    `lightagent verify`

    `lightagent verify --profile prod --json | jq -r '.faults[].fault'`
    """
    settings = settings_for(config, profile, False, trust_config)
    streams, entries, faults = in_store(_check_all, settings)
    protection = protection_of(settings.journals)
    if as_json:
        found: JsonObject = {
            "protection": protection,
            "streams": streams,
            "entries": entries,
            "faults": [_fault(check) for check in faults],
        }
        write_answer(json.dumps(found, indent=2) + "\n")
        return ExitCode.FAILED if faults else ExitCode.COMPLETED
    console = out()
    for check in faults:
        console.print(printable(f"✗ {_name(check.key)}: {check.fault}"), style="red", markup=False)
    read = f"{streams:,} streams and {entries:,} entries were read"
    if faults:
        console.print(f"✗ {read}; {len(faults):,} faults.", style="red", markup=False)
    elif streams:
        console.print(f"[green]✓[/] {read}; nothing is wrong.")
    else:
        console.print("! The store is empty: there was nothing to verify.", style="yellow", markup=False)
        console.print(f"  → {_EMPTY}", style="yellow", markup=False)
    console.print(f"The store is {protection}.", markup=False)
    return ExitCode.FAILED if faults else ExitCode.COMPLETED


def protection_of(backend: Backend | None) -> str:
    """Describe which changes of the store would be detected, according to its settings."""
    options: JsonObject = {} if backend is None else {"kind": backend.kind, **backend.options}
    encrypted = ""
    while options.get("kind") in ("encrypted", "sealed"):
        if options["kind"] == "sealed":
            if options.get("heads"):
                return f"{encrypted}sealed, and its heads are kept elsewhere"
            return (
                f"{encrypted}sealed, without heads elsewhere: an older copy of it, or a deleted stream, is not noticed"
            )
        behind = options.get("store")
        encrypted, options = "encrypted and ", behind if isinstance(behind, dict) else {}
    return f"{encrypted}not sealed: damage is noticed, and a careful edit is not"


async def _check_all(store: JournalStore) -> tuple[int, int, list[JournalCheck]]:
    """Check all streams. Return the numbers of streams and entries read, and the faults."""
    streams, entries, faults = 0, 0, list[JournalCheck]()
    with err().status("reading the store …") as status:
        async for check in check_journals(store):
            streams += check.key is not None
            entries += check.entries
            if check.fault:
                faults.append(check)
            status.update(f"reading the store … {streams:,} streams, {entries:,} entries, {len(faults):,} faults")
    return streams, entries, faults


def _fault(check: JournalCheck) -> JsonObject:
    key = check.key
    if key is None:
        return {"fault": check.fault}
    owner = key.owner
    return {
        "tenant": owner.tenant,
        "user": owner.user,
        "session": owner.session,
        "kind": key.kind,
        "id": key.id,
        "fault": check.fault,
    }


def _name(key: StreamKey | None) -> str:
    if key is None:
        return "a stream without a name"
    owner = key.owner
    parts = (("tenant", owner.tenant), ("user", owner.user), ("session", owner.session))
    named = ", ".join(f"{part} {name!r}" for part, name in parts if name) or "no owner"
    return f"{key.kind} {key.id!r} of {named}"
