"""The store that the settings name, for the commands that look into it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from lightagent.bootstrap import open_journals
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.options import settings_for
from lightagent.ports.journals import JournalStore

T = TypeVar("T")


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
