"""Whether an attempt was left because what is below it waits, for people or for events from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from lightagent.application.flow.step_work import Noted
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, Signalled, StepApprovalDecided
from lightagent.domain.flow.state import fold
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ApprovalDecided, Nested, RunFinished


def waits(notes: Sequence[Noted]) -> bool:
    """Whether the agent or flow of an attempt waits for people, none of whom has decided since."""
    if not notes:
        return False
    last = notes[-1]
    if isinstance(last, FlowEvent):
        return _flow_waits([note for note in notes if isinstance(note, FlowEvent)])
    return isinstance(last, RunFinished) and isinstance(last.outcome, Suspended)


def was_left(notes: Sequence[Noted]) -> bool:
    """The same if people may have decided meanwhile: their decisions are on record, and nothing followed yet."""
    return waits(_without_messages(notes))


def asks_people(notes: Sequence[Noted]) -> bool:
    """Whether an attempt that was left waits for people; otherwise a nested flow waits for events from outside."""
    flow = [note for note in notes if isinstance(note, FlowEvent)]
    if not flow:
        return True
    nodes = fold(flow).nodes.values()
    return any(
        node.status == "waiting_approval" or (node.status == "running" and asks_people(node.notes or ()))
        for node in nodes
    )


def may_go_on(events: Sequence[FlowEvent]) -> bool:
    """Whether a run that was left waiting has received a message since with which it can go on."""
    before = _without_messages(events)
    return 0 < len(before) < len(events) and _flow_waits(before)


_NotedT = TypeVar("_NotedT", bound=Noted)


def _without_messages(notes: Sequence[_NotedT]) -> list[_NotedT]:
    """The events without the messages from outside at the end."""
    told = [*notes]
    while told and _is_message(told[-1]):
        told.pop()
    return told


def _flow_waits(events: Sequence[FlowEvent]) -> bool:
    state = fold(events)
    if state.status != "running":
        return state.status == "waiting"
    live = state.live_nodes()
    return bool(live) and all(node.status == "running" and waits(node.notes or ()) for node in live)


def _is_message(note: Noted) -> bool:
    """Whether the event is a message from outside."""
    while isinstance(note, (AttemptNoted, Nested)):
        note = note.event
    return isinstance(note, (ApprovalDecided, StepApprovalDecided, Signalled))
