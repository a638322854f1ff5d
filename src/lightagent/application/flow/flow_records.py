"""The records of runs of flows, for their owner: of one run, and a listing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from lightagent.application.check_options import check_text
from lightagent.application.flow.compare_flows import FlowComparison, compare_flows
from lightagent.application.flow.flow_codec import flow_event_to_dict
from lightagent.application.flow.flow_log import KIND, flow_key, no_such_run, read_flow
from lightagent.application.flow.mermaid import mermaid
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.unread_record import unread_record
from lightagent.application.flow.waiting_steps import waiting_steps
from lightagent.application.flow.watch_flow import FlowGlimpse, status_now, watch_flow
from lightagent.application.journals.read_streams import list_streams
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.journals.streams import StreamInfo, StreamKey, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


class FlowRecords:
    """The runs of flows in a store. Every method is about one owner's."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    async def get(self, owner: Scope, run_id: str) -> JsonObject | None:
        """What is on record of a run; None if this owner has no such run.

        Raises:
            StoreError: the store cannot be read.
            ConfigurationError: the stored stream is not a run of a flow.
        """
        check_text(run_id, "run_id")
        return await self._read(flow_key(run_id, owner))

    async def list(self, owner: Scope) -> AsyncIterator[JsonObject]:
        """The same for all runs of an owner, the newest first. A run that cannot be read is listed as such.

        Raises:
            StoreError: the store cannot be read.
        """
        query = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user)
        try:
            async for stream in list_streams(self._store, query):
                try:
                    record = await self._read(stream.key)
                except (DamagedStream, ConfigurationError) as error:
                    record = unread_record(stream.key.id, owner, error.info)
                if record is not None:
                    yield record
        except IncompleteListing as error:
            for text in error.unreadable:
                yield unread_record("", owner, DamagedStream(text).info)

    async def events(self, owner: Scope, run_id: str) -> Sequence[JsonObject]:
        """What happened in a run, each with its number.

        Raises:
            ConfigurationError: the run does not exist.
            StoreError: the store cannot be read.
        """
        _, events = await self._known(owner, run_id)
        return [{"number": number, **flow_event_to_dict(event)} for number, event in enumerate(events, 1)]

    async def compare(self, owner: Scope, left: str, right: str) -> FlowComparison:
        """Two runs beside each other; raises as `events`."""
        _, lefts = await self._known(owner, left)
        _, rights = await self._known(owner, right)
        return compare_flows(flow_record(fold(lefts)), flow_record(fold(rights)))

    async def waiting(self, owner: Scope, run_id: str) -> Sequence[JsonObject]:
        """What waits for people in a run; raises as `events`."""
        _, events = await self._known(owner, run_id)
        return [one.to_dict() for one in waiting_steps(fold(events))]

    async def watch(self, owner: Scope, run_id: str) -> AsyncIterator[FlowGlimpse]:
        """A run as it goes on, which may not have begun yet; see `watch_flow`."""
        async for glimpse in watch_flow(self._store, flow_key(run_id, owner)):
            yield glimpse

    async def graph(self, owner: Scope, run_id: str) -> str:
        """A run as a Mermaid flowchart; raises as `events`."""
        stream, events = await self._known(owner, run_id)
        state = fold(events)
        result = _as_of_now(stream, state, events)
        return mermaid(state.definition, {step.name: step.status for step in result.steps})

    async def _known(self, owner: Scope, run_id: str) -> tuple[StreamInfo, Sequence[FlowEvent]]:
        check_text(run_id, "run_id")
        stream, events = await read_flow(self._store, flow_key(run_id, owner))
        if not events:
            raise no_such_run(run_id)
        return stream, events

    async def _read(self, key: StreamKey) -> JsonObject | None:
        stream, events = await read_flow(self._store, key)
        if not events:
            return None
        state = fold(events)
        told = _as_of_now(stream, state, events).to_dict()
        del told["trace"]
        return {
            **told,
            "flow": state.definition.name,
            "query": state.input,
            "forked_from": state.source,
            "user_id": key.owner.user,
            "tenant": key.owner.tenant,
            "created_at": stream.created_at,
            "updated_at": stream.updated_at,
        }


def _as_of_now(stream: StreamInfo, state: FlowState, events: Sequence[FlowEvent]) -> LightFlowResult:
    """The run as it is, whether a process goes on with it or not."""
    status = status_now(stream, state, events)
    return flow_result(state, events, status=status if status in ("pending", "running", "interrupted") else None)
