"""The events that do a step of a run again, also a step of a nested flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lightagent.application.flow.decide_step import node_path
from lightagent.application.flow.flow_reviews import waiting_nodes
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, RerunRequested, Resumed
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.paths import declared_path, escape
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.policy.phases import Decision
from lightagent.ports.policy import Gate


def rerun_of(state: FlowState, step: str, decisions: tuple[Decision, ...] = (), now: float = 0.0) -> RerunRequested:
    """The event that does a step again; ``outer/inner`` is a step of the flow that is the step ``outer``.

    Raises:
        ConfigurationError: the step does not exist, or is part of a nested flow and has not begun.
    """
    path, *below = _place(state, step)
    return RerunRequested(path, below=tuple(below), decisions=decisions, at=now)


def rerun_events(state: FlowState, step: str, decisions: tuple[Decision, ...], now: float) -> list[FlowEvent]:
    """The same with the event that has to precede it in a cancelled run; raises as `rerun_of`."""
    again = rerun_of(state, step, decisions, now)
    return [Resumed(at=now), again] if state.cancelled else [again]


def gates_within(steps: Mapping[str, LightFlowStep], again: RerunRequested, state: FlowState) -> tuple[Gate, ...]:
    """The gates of the nested flows in which a step is done again."""
    node = state.nodes.get(again.path)
    step = None if node is None else steps.get(node.step.work or declared_path(again.path))
    return () if step is None or not again.below else step.work.gates_of(again.below)


def open_requests(state: FlowState) -> Iterator[str]:
    """The ids of the requests about waiting steps, including those in nested flows."""
    for node in waiting_nodes(state):
        yield node.request_id
    for node in state.nodes.values():
        if node.status == "running" and (events := flow_notes(node)):
            yield from open_requests(fold(events))


def flow_notes(node: Node) -> list[FlowEvent]:
    """The events of the nested flow of a step; empty if it is not a flow or has not begun."""
    return [note for note in node.notes or () if isinstance(note, FlowEvent)]


def _place(state: FlowState, step: str) -> Sequence[str]:
    """The path of a step, preceded by those of the steps around it if it is in a nested flow."""
    outer, inside = step, ""
    while "/" in outer and not {step, escape(step)} & state.nodes.keys():
        outer, _, last = outer.rpartition("/")
        inside = f"{last}/{inside}" if inside else last
        node = state.nodes.get(outer) or state.nodes.get(escape(outer))
        if node is not None and (events := flow_notes(node)):
            below = fold(events)
            place = _place(below, inside)
            below.apply(RerunRequested(place[0], below=tuple(place[1:])))  # Raises if it has not begun.
            return [node.path, *place]
    try:
        return [node_path(state, step)]
    except ConfigurationError as error:
        if "/" not in step:
            raise
        raise ConfigurationError(
            f"{error.info.message} A flow that is a step has steps once it has begun.", guidance=error.info.guidance
        ) from None
