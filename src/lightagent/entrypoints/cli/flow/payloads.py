"""``lightagent flow prune-payloads``: delete large payloads of runs that Temporal's server no longer has."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lightagent.aiokits.sync_bridge import run_sync
from lightagent.compose.configured.flows import open_flow_engine
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.sessions.retention import DryRun, seconds_of

if TYPE_CHECKING:
    from lightagent.adapters.engines.temporal.payload_pruning import PrunedPayloads


@guarded
def prune_payloads(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="TIME", help="Only those that are older, such as 12h, 30d or 4w.")
    ],
    dry_run: DryRun = False,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Delete large payloads of runs that Temporal's server no longer has.

    They are in the store `flow.engine.large_payloads`. Those of runs that the server still has stay, however old.

    **Examples**

    `lightagent flow prune-payloads --older-than 30d --dry-run`
    """
    settings = settings_for(config, profile, False, trust_config)
    engine = open_flow_engine(settings)
    if settings.flow.engine.kind != "temporal" or engine is None:
        raise ConfigurationError(
            f"flow.engine: {settings.flow.engine.kind!r:.50} has no store of large payloads.",
            guidance="See docs/temporal.md, Large payloads; --profile selects a profile.",
        )
    pruned = run_sync(_pruned(engine, seconds_of(older_than), dry_run=dry_run))
    if as_json:
        write_answer(json.dumps({**asdict(pruned), "dry_run": dry_run}, indent=2) + "\n")
    else:
        done = "Would delete" if dry_run else "Deleted"
        out().print(f"{done} {pruned.payloads:,} payloads of {pruned.bytes:,} bytes; {pruned.left:,} are in use.")
    return ExitCode.COMPLETED


async def _pruned(engine: object, seconds: float, *, dry_run: bool) -> PrunedPayloads:
    from lightagent.adapters.engines.temporal.engine import TemporalEngine

    if not isinstance(engine, TemporalEngine):
        raise ConfigurationError("flow.engine: this is not lightagent's own engine for Temporal.", guidance="")
    try:
        return await engine.prune_payloads(seconds, dry_run=dry_run)
    finally:
        await engine.aclose()
