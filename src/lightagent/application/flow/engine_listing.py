"""The runs of an engine one after another: what is on record of each, or why that cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowEngine, FlowRun, OutlinesRuns, RunOutline

_AT_ONCE: Final = 16
"""Runs that are read at the same time: one whose workers are away takes many seconds."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as a listing finds it.

    Attributes:
        events: what is on record; empty if it cannot be read.
        error: why it cannot be read.
        outline: what the engine knows of such a run all the same, if anything.
    """

    run_id: str
    events: Sequence[FlowEvent] = ()
    error: LightAgentError | None = None
    outline: RunOutline | None = None


async def listed_runs(engine: FlowEngine, owner: Scope) -> AsyncIterator[ListedRun]:
    """The runs of an owner, the newest first. One that cannot be read does not hide the others.

    Raises:
        StoreError: the engine cannot be reached.
    """
    ids = list[str]()
    async for run_id in engine.runs(owner):
        ids.append(run_id)
        if len(ids) == _AT_ONCE:
            for listed in await _read(engine, owner, ids):
                yield listed
            ids.clear()
    for listed in await _read(engine, owner, ids):
        yield listed


async def _read(engine: FlowEngine, owner: Scope, ids: Sequence[str]) -> Sequence[ListedRun]:
    return await asyncio.gather(*(_listed(engine, FlowRun(owner, run_id)) for run_id in ids))


async def _listed(engine: FlowEngine, run: FlowRun) -> ListedRun:
    try:
        return ListedRun(run.run_id, await engine.events(run))
    except (StoreError, ConfigurationError) as error:
        outline = await engine.outline(run) if isinstance(engine, OutlinesRuns) else None
        return ListedRun(run.run_id, error=error, outline=outline)
