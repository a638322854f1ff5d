"""The store that the settings name, for the commands that look into it, and how they print what they find."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer

from lightagent.application.session_info import SessionInfo
from lightagent.application.stored_runs import RunInfo
from lightagent.bootstrap import open_journals
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.entrypoints.cli.options import settings_for
from lightagent.ports.journals import JournalStore
from lightagent.settings.origins import printable

T = TypeVar("T")
InfoT = TypeVar("InfoT", SessionInfo, RunInfo)

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def with_store(
    work: Callable[[JournalStore], Awaitable[T]], config: Path | None, profile: str | None, trust: bool
) -> T:
    """What `work` gives with the open store, which is closed afterwards.

    Raises:
        ConfigurationError: no settings name a store.
        StoreError: it cannot be read or written.
    """
    store = open_journals(settings_for(config, profile, False, trust))
    if store is None:
        raise ConfigurationError(
            "No settings say where sessions and runs are kept.",
            guidance='Add to lightagent.toml: [default.journals] with kind = "sqlite" and path = "journals.db".',
        )

    async def carry_out() -> T:
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(carry_out())


def print_listing(found: Sequence[InfoT], line: Callable[[InfoT], str], empty: str, *, as_json: bool) -> None:
    """Print what was found, a line each with the time of its last use, or all of it as JSON.

    Args:
        line: what is told of one besides that time.
        empty: what is said where there is none.
    """
    if as_json:
        write_answer(json.dumps([asdict(info) for info in found], ensure_ascii=False, indent=2) + "\n")
        return
    for info in found:
        used = datetime.fromtimestamp(info.updated_at, UTC).strftime("%Y-%m-%d %H:%M")
        out().print(printable(f"{line(info)} · {used} UTC"), markup=False)
    if not found:
        out().print(empty, markup=False)
