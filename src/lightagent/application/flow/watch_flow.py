"""Watches a run from outside: reads what its process puts on record, as it comes, whichever process that is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.flow.flow_codec import read_flow_event
from lightagent.application.flow.flow_values import FlowValues
from lightagent.application.flow.left_attempts import may_go_on
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import FlowStatus
from lightagent.domain.flow.events import DefinitionChanged, FlowEvent, FlowStarted
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.record import FlowRecord
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.journals.streams import StreamInfo, StreamKey
from lightagent.ports.journals import JournalStore

_EVERY: Final = 0.5
"""Seconds after which it is checked whether a process still has the run."""


@dataclass(frozen=True, slots=True)
class FlowGlimpse:
    """A run as it is at one moment.

    Attributes:
        status: of the run, with `interrupted` for one whose process is gone, and `pending` for one that was told what
            it waited for, and that no process goes on with yet.
        record: its steps, with those inside them.
        depends_on: of the flow's own steps, by name.
        events: how many there are.
    """

    status: FlowStatus
    record: FlowRecord
    depends_on: dict[str, tuple[str, ...]]
    events: int

    @property
    def is_running(self) -> bool:
        """Whether a process has it."""
        return self.status == "running"


async def watch_flow(store: JournalStore, key: StreamKey) -> AsyncIterator[FlowGlimpse]:
    """The run as it is, and again after each change. It never ends by itself.

    A run that does not exist yet is waited for.

    Raises:
        StoreError: it cannot be read.
        ConfigurationError: the stored stream is not a run of a flow.
    """
    values = FlowValues(store, key)
    events: list[FlowEvent] = []
    state: FlowState | None = None
    last: FlowStatus | None = None
    began = 0.0
    while True:
        found = await store.read(key, len(events), wait=_EVERY)
        if events and (found.stream.head < len(events) or found.stream.created_at != began):
            events, state, last = [], None, None  # Another run has taken its place.
            continue
        began = found.stream.created_at
        new = [await values.whole(read_flow_event(entry), entry.content) for entry in found.entries]
        events += new
        state = _after(state, events, new)
        if state is None:
            continue
        status = status_now(found.stream, state, events)
        if new or status != last:
            last = status
            needs = {step.name: step.depends_on for step in state.definition.steps}
            yield FlowGlimpse(status, flow_record(state), needs, len(events))


def _after(state: FlowState | None, events: list[FlowEvent], new: list[FlowEvent]) -> FlowState | None:
    """The state after some more events; a changed definition is folded over all of them."""
    if not events:
        return None
    if state is None or any(isinstance(event, (DefinitionChanged, FlowStarted)) for event in new):
        return fold(events)
    for event in new:
        state.apply(event)
    return state


def status_now(stream: StreamInfo, state: FlowState, events: Sequence[FlowEvent]) -> FlowStatus:
    """The status of a run, whether a process has it or not."""
    if state.status == "running" and stream.labels.get("status") == "running":
        if stream.lease_left > 0:
            return "running"
        return "pending" if may_go_on(events) else "interrupted"
    return flow_result(state, events).status
