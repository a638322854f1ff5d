"""Runs whose flow was changed since they began: what holds them back, and what frees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lightagent.application.flow.flow_log import KIND, read_flow
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.journals.read_streams import read_each
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.changes import ChangeFault, Within, change_faults, held_by
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import DefinitionChanged, FlowEvent, FlowStarted
from lightagent.domain.flow.nodes import CLOSED, Node
from lightagent.domain.flow.paths import declared_path, escape
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.record import FlowStatus
from lightagent.domain.flow.state import fold
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that a changed definition holds back.

    Attributes:
        status: of the run, as its record tells it.
        faults: what does not fit.
    """

    run_id: str
    status: FlowStatus
    faults: tuple[ChangeFault, ...]

    @property
    def frees(self) -> tuple[str, ...]:
        """The calls of which any one lets its work go on."""
        return freeing_calls(self.run_id, self.faults)

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        held: list[JsonValue] = [
            {"step": one.path, "field": one.field, "problem": one.text, "acceptable": one.acceptable}
            for one in self.faults
        ]
        frees: list[JsonValue] = [*self.frees]
        return {"run_id": self.run_id, "status": self.status, "held_by": held, "frees": frees}


def freeing_calls(run_id: str, faults: Iterable[ChangeFault]) -> tuple[str, ...]:
    """The ways to free a run: accept results, do steps again, or fork the run from before them."""
    told = list(faults)
    steps = list(dict.fromkeys(fault.path for fault in told if fault.path))
    calls = []
    if steps and all(fault.acceptable for fault in told):
        calls.append(f"resume({run_id!r}, accept={steps!r})")
        if len(steps) == 1:
            calls.append(f"rerun_step({run_id!r}, {steps[0]!r})")
    if steps:
        before = next(fault.outermost or fault.path for fault in told if fault.path)
        calls.append(f"fork({run_id!r}, step={before!r})")
    return tuple(calls) or (f"fork({run_id!r}, from_event=1)",)


def change_to(
    events: Sequence[FlowEvent],
    definition: FlowDefinition,
    accept: Sequence[str],
    now: float,
    looked_into: Within | None = None,
) -> DefinitionChanged:
    """The event by which a run goes on with another definition.

    Args:
        looked_into: compares nested flows; None: they are not compared.

    Raises:
        ConfigurationError: it does not fit what has happened, or `accept` names an unknown step.
    """
    state = fold(events)
    accepted = _accepted(state, accept)
    faults = change_faults(events, definition, accepted, looked_into)
    if faults:
        calls = freeing_calls(state.run_id, faults)
        raise ConfigurationError(held_by(state, faults), guidance=f"Call one of: {'; '.join(calls)}.")
    return DefinitionChanged(definition, accepted, at=now)


def _accepted(state: Progress, names: Sequence[str]) -> tuple[str, ...]:
    """The paths of what is accepted; names of steps are escaped in paths."""
    known = {*state.nodes, *map(declared_path, state.nodes)}
    found = []
    for name in names:
        path = next((one for one in (name, escape(name)) if one in known), None) or _path_within(state, name)
        if path is None:
            raise ConfigurationError(
                f"accept: the run {state.run_id!r:.100} has no step {name!r:.100}.",
                guidance=f"It has: {', '.join(step.name for step in state.definition.steps)}.",
            )
        found.append(path)
    return tuple(found)


def _path_within(state: Progress, name: str) -> str | None:
    """The path of a step of a nested flow; None if the flow has no step of this name."""
    outer, _, inside = name.partition("/")
    while inside:
        node = state.nodes.get(outer)
        below = None if node is None or node.status in CLOSED else node.kept or node.notes
        if below and isinstance(below[0], FlowStarted):
            inner = fold([note for note in below if isinstance(note, FlowEvent)])
            known = {*inner.nodes, *map(declared_path, inner.nodes)}
            found = next((one for one in (inside, escape(inside)) if one in known), None)
            found = found or _path_within(inner, inside)
            if found is not None:
                return f"{outer}/{found}"
        part, _, inside = inside.partition("/")
        outer = f"{outer}/{part}"
    return None


def within(steps: Mapping[str, LightFlowStep]) -> Within:
    """Compares nested flows with the definitions that they were begun with."""

    def faults(node: Node, accepted: tuple[str, ...]) -> tuple[ChangeFault, ...] | None:
        step = steps.get(node.step.work or declared_path(node.path))
        past = node.kept or node.notes
        return None if step is None or not past else step.work.change_faults(past, accepted)

    return faults


def held_run(
    events: Sequence[FlowEvent], definition: FlowDefinition, steps: Mapping[str, LightFlowStep]
) -> HeldRun | None:
    """What holds back a run of a flow; None if nothing does, or the run is done or of another flow."""
    if not events:
        return None
    state = fold(events)
    if state.definition.name != definition.name or state.status == "success" or state.definition == definition:
        return None
    faults = change_faults(events, definition, within=within(steps))
    return HeldRun(state.run_id, state.status, faults) if faults else None


async def held_runs(
    store: JournalStore, owner: Scope, definition: FlowDefinition, steps: Mapping[str, LightFlowStep]
) -> AsyncIterator[HeldRun]:
    """The runs of a flow that are not done, and that it cannot go on with as it is declared now; the newest first.

    Raises:
        IncompleteListing: after all that can be read, if something cannot.
        StoreError: the store cannot be read.
    """

    async def read(key: StreamKey) -> HeldRun | None:
        _, events = await read_flow(store, key)
        return held_run(events, definition, steps)

    query = StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user)
    async for held in read_each(store, query, read, "The run of a flow"):
        yield held
