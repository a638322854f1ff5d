"""The records of runs on an engine for their owner, made from the events that the engine keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from lightagent.application.check_options import check_text
from lightagent.application.flow.compare_flows import FlowComparison, compare_flows
from lightagent.application.flow.engine_listing import listed_runs
from lightagent.application.flow.flow_codec import flow_event_to_dict
from lightagent.application.flow.flow_log import no_such_run
from lightagent.application.flow.mermaid import mermaid
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.unread_record import unread_record
from lightagent.application.flow.waiting_steps import waiting_steps
from lightagent.application.flow.watch_flow import FlowGlimpse
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import fold
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowEngine, FlowRun

_EVERY: Final = 0.5
"""Seconds after which an engine is asked for the events of a run that is watched."""


class EngineRecords:
    """The runs that an engine keeps; does what `FlowRecords` does over a store."""

    def __init__(self, engine: FlowEngine) -> None:
        self._engine = engine

    async def get(self, owner: Scope, run_id: str) -> JsonObject | None:
        """What is on record of a run; None if this owner has no such run."""
        check_text(run_id, "run_id")
        events = await self._engine.events(FlowRun(owner, run_id))
        return _record(events, owner) if events else None

    async def list(self, owner: Scope) -> AsyncIterator[JsonObject]:
        """The same for all runs of an owner, the newest first.

        A run that cannot be read, such as one whose workers are away, is listed with what the engine itself knows of
        it, and with the error.

        Raises:
            StoreError: the engine cannot be reached.
        """
        async for listed in listed_runs(self._engine, owner):
            if listed.error is not None:
                yield unread_record(listed.run_id, owner, listed.error.info, listed.outline)
            elif listed.events:
                yield _record(listed.events, owner)

    async def events(self, owner: Scope, run_id: str) -> Sequence[JsonObject]:
        """What happened in a run, each with its number.

        Raises:
            ConfigurationError: the run does not exist.
        """
        events = await self._known(owner, run_id)
        return [{"number": number, **flow_event_to_dict(event)} for number, event in enumerate(events, 1)]

    async def compare(self, owner: Scope, left: str, right: str) -> FlowComparison:
        """Two runs beside each other; raises as `events`."""
        lefts, rights = await self._known(owner, left), await self._known(owner, right)
        return compare_flows(flow_record(fold(lefts)), flow_record(fold(rights)))

    async def waiting(self, owner: Scope, run_id: str) -> Sequence[JsonObject]:
        """What waits for people in a run; raises as `events`."""
        return [one.to_dict() for one in waiting_steps(fold(await self._known(owner, run_id)))]

    async def watch(self, owner: Scope, run_id: str) -> AsyncIterator[FlowGlimpse]:
        """A run as it goes on, which may not have begun yet; polls the engine."""
        check_text(run_id, "run_id")
        run, known = FlowRun(owner, run_id), list[FlowEvent]()
        while True:
            events = [*await self._engine.events(run)]
            if events and events != known:
                known = events
                yield _glimpse(events)
            await asyncio.sleep(_EVERY)

    async def graph(self, owner: Scope, run_id: str) -> str:
        """A run as a Mermaid flowchart; raises as `events`."""
        events = await self._known(owner, run_id)
        state = fold(events)
        return mermaid(state.definition, {step.name: step.status for step in flow_result(state, events).steps})

    async def _known(self, owner: Scope, run_id: str) -> Sequence[FlowEvent]:
        check_text(run_id, "run_id")
        events = await self._engine.events(FlowRun(owner, run_id))
        if not events:
            raise no_such_run(run_id)
        return events


def _glimpse(events: Sequence[FlowEvent]) -> FlowGlimpse:
    state = fold(events)
    status = "running" if state.status == "running" else flow_result(state, events).status
    needs = {step.name: step.depends_on for step in state.definition.steps}
    return FlowGlimpse(status, flow_record(state), needs, len(events))


def _record(events: Sequence[FlowEvent], owner: Scope) -> JsonObject:
    state = fold(events)
    told = flow_result(state, events, status="running" if state.status == "running" else None).to_dict()
    del told["trace"]
    return {
        **told,
        "flow": state.definition.name,
        "query": state.input,
        "forked_from": state.source,
        "user_id": owner.user,
        "tenant": owner.tenant,
        "created_at": events[0].at,
        "updated_at": events[-1].at,
    }
