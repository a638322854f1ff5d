"""What waits for a person in a run: a step, a call of a nested agent, or a step of a nested flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.flow.agent_work import agent_events
from lightagent.application.flow.step_work import Noted
from lightagent.application.journals.journal import Journal
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls

_ABOUT: Final = {
    "run": "whether the step runs",
    "growth": "whether the steps that it proposes are added",
    "result": "whether its result counts",
}


@dataclass(frozen=True, slots=True)
class WaitingStep:
    """One thing that waits for a person.

    Attributes:
        step: names it in `approve`.
        asker: the flow or agent that asks.
        asks: what is to be decided.
        query: the query that the step has, or would get.
        request_id: names the request; empty for a call within an agent.
        tool, arguments: the call that waits, within an agent.
    """

    step: str
    asker: str
    asks: str
    query: JsonValue = None
    request_id: str = ""
    tool: str = ""
    arguments: JsonObject | None = None

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        return {
            "step": self.step,
            "asker": self.asker,
            "asks": self.asks,
            "query": copy_json(self.query),
            "request_id": self.request_id,
            "tool": self.tool,
            "arguments": copy_json(self.arguments),
        }


def waiting_steps(state: FlowState) -> Iterator[WaitingStep]:
    """All that waits for a person in a run, in the order of declaration."""
    asker = f"flow {state.definition.name}"
    for node in state.nodes.values():
        if node.status == "waiting_approval":
            yield WaitingStep(node.path, asker, _ABOUT[node.subject], _reviewed_value(node), node.request_id)
        elif node.status == "running" and node.notes:
            yield from _within(node, node.notes)


def _reviewed_value(node: Node) -> JsonValue:
    """The query of the step; if its result is doubted, that result."""
    if node.subject == "result" and node.output is not None:
        return node.output.value
    return node.query


def _within(node: Node, notes: Sequence[Noted]) -> Iterator[WaitingStep]:
    flow = [note for note in notes if isinstance(note, FlowEvent)]
    if flow:
        for one in waiting_steps(fold(flow)):
            yield WaitingStep(
                f"{node.path}/{one.step}", one.asker, one.asks, one.query, one.request_id, one.tool, one.arguments
            )
        return
    journal = Journal(tuple(agent_events(notes)))
    if not isinstance(journal.run.outcome, Suspended):
        return
    calls = waiting_calls(journal.run)
    for name, path in calls.items():
        call = _call(journal.run, path)
        if call is not None:
            step = node.path if len(calls) == 1 else f"{node.path}/{name}"
            asks = f"whether it calls {call.call.name}"
            asker = f"agent {journal.started.head.name}"
            yield WaitingStep(step, asker, asks, node.query, "", call.call.name, call.arguments)


def _call(run: Run, path: tuple[str, ...]) -> PendingCall | None:
    """The call at the end of a path through nested runs."""
    call = run.calls.get(path[0])
    if call is None or len(path) == 1:
        return call
    return None if call.child is None else _call(call.child, path[1:])
