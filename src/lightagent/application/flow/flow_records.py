"""Runs of flows as their owner finds them again: what is on record of one, and a listing."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lightagent.application.check_options import check_text
from lightagent.application.flow.flow_log import KIND, flow_key, read_flow
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import FlowStatus, error_dict
from lightagent.application.read_streams import list_streams
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing
from lightagent.domain.flow.state import fold
from lightagent.domain.journal_streams import StreamKey, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


class FlowRecords:
    """The runs of flows in a store. Every method is about one owner's."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    async def get(self, owner: Scope, run_id: str) -> JsonObject | None:
        """What is on record of a run; None where this owner has no such run.

        Raises:
            StoreError: the store cannot be read.
            ConfigurationError: what is stored is no run of a flow.
        """
        check_text(run_id, "run_id")
        return await self._read(flow_key(run_id, owner))

    async def list(self, owner: Scope) -> AsyncIterator[JsonObject]:
        """The same of all runs of an owner, the newest first. One that cannot be read is among them as such.

        Raises:
            StoreError: the store cannot be read.
        """
        query = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user)
        try:
            async for stream in list_streams(self._store, query):
                try:
                    record = await self._read(stream.key)
                except (DamagedStream, ConfigurationError) as error:
                    record = _unreadable(stream.key.id, owner, error.info)
                if record is not None:
                    yield record
        except IncompleteListing as error:
            for text in error.unreadable:
                yield _unreadable("", owner, DamagedStream(text).info)

    async def _read(self, key: StreamKey) -> JsonObject | None:
        stream, events = await read_flow(self._store, key)
        if not events:
            return None
        state = fold(events)
        goes_on: FlowStatus | None = None
        if state.status == "running" and stream.labels.get("status") == "running":
            goes_on = "running" if stream.lease_left > 0 else "interrupted"
        told = flow_result(state, events, status=goes_on).to_dict()
        del told["trace"]
        return {
            **told,
            "flow": state.definition.name,
            "query": state.input,
            "user_id": key.owner.user,
            "tenant": key.owner.tenant,
            "created_at": stream.created_at,
            "updated_at": stream.updated_at,
        }


def _unreadable(run_id: str, owner: Scope, error: LightAgentErrorInfo) -> JsonObject:
    """The record of a run of which no more is known; without an id where not even that can be read."""
    return {
        "run_id": run_id,
        "status": "unreadable",
        "success": False,
        "content": "",
        "steps": [],
        "error": error_dict(error),
        "user_id": owner.user,
        "tenant": owner.tenant,
    }
