"""A step that is a flow: its run is on record with the step, so it goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_people import ask_all_again, settling
from lightagent.application.flow.decide_step import decided
from lightagent.application.flow.flow_gate import FlowGate, check_policies
from lightagent.application.flow.flow_log import FlowLog
from lightagent.application.flow.flow_spell import watched
from lightagent.application.flow.flow_step import LightFlowStep, by_work, definition_of
from lightagent.application.flow.run_flow import run_flow
from lightagent.application.flow.step_work import Noted, StepTask, StepWaits, StepWork
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import LightAgentError, ToolError
from lightagent.domain.flow.events import FlowEvent, FlowStarted
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.review import ApprovalDecision
from lightagent.ports.policy import Gate

MOST_NESTED = 8
"""How many flows may be steps of each other. A record of more levels could not be read back."""


class FlowWork(StepWork):
    """A flow as a step of another. What it comes to is what its last end step gives.

    Args:
        steps: gives its steps; those that are declared later are among them.
        gates: what reviews its runs, besides what reviews the flow around it.
    """

    __slots__ = ("_gates", "_name", "_steps")

    def __init__(self, name: str, steps: Callable[[], Sequence[LightFlowStep]], gates: tuple[Gate, ...] = ()) -> None:
        self._name = name
        self._steps = steps
        self._gates = gates

    @property
    def name(self) -> str:
        return self._name

    @property
    def captures_content(self) -> bool:
        return False

    async def do(self, task: StepTask) -> object:
        steps = self._steps()
        events: list[FlowEvent] = [note for note in task.past if isinstance(note, FlowEvent)]
        is_new = not events
        gates = tuple(dict.fromkeys((*task.gates, *self._gates)))
        gate = FlowGate(gates, events) if gates else None
        if is_new:
            events.append(self._started(task, steps, () if gate is None else gate.policies))
        state = fold(events)
        check_policies(state.started.policies, gate)
        watchers = None if task.below is None else task.below()
        if watchers is not None:
            watchers.begin(() if is_new else events)
        if is_new:
            await task.note(events, None, False)
        outlet = None if task.outlet is None else task.outlet.flow(task.place.path)
        flow = ActiveFlow(
            by_work(steps),
            state,
            events,
            NoteLog(task),
            task.clock,
            traced=task.traced,
            gate=gate,
            outlet=outlet,
            watchers=watchers,
            write_lines=task.write_lines,
            reviews=task.reviews,
        )
        task.hear(lambda event, heard: flow.report(Report((event,), heard=heard)))
        if is_new and watchers is not None:
            watchers.see(events[0])
        with watched(flow):
            async with settling(flow):
                await ask_all_again(flow)
                await run_flow(flow)
        return _result(state, self._name)

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        state = fold([note for note in past if isinstance(note, FlowEvent)])
        event = decided(by_work(self._steps()), state, inside, decision, now)
        state.apply(event)  # It refuses what cannot be.
        return event

    def _started(self, task: StepTask, steps: Sequence[LightFlowStep], policies: tuple[str, ...]) -> FlowStarted:
        place = task.place
        if place.key.count("@") >= MOST_NESTED:
            raise ToolError(
                f"The flow {self._name} was not begun: flows are steps of each other over {MOST_NESTED} levels already."
            )
        return FlowStarted(
            place.key,
            definition_of(self._name, steps),
            task.query,
            place.scope,
            trace_id=hashlib.sha256(f"{place.trace_id}/{place.key}.{place.attempt}".encode()).hexdigest()[:32],
            parent_trace_id=place.trace_id,
            run_group_id=place.run_id,
            policies=policies,
            at=task.clock.now(),
        )


class NoteLog(FlowLog):
    """Puts the events of a flow's run on record as notes of the step that it is."""

    def __init__(self, task: StepTask) -> None:
        self._task = task

    async def append(self, events: Sequence[FlowEvent], status: str, heard: int | None = None) -> None:
        await self._task.note(events, heard, status == "waiting")


def _result(state: FlowState, name: str) -> object:
    record = flow_record(state)
    if record.status == "success":
        return record.output
    if record.status in ("running", "waiting"):
        raise StepWaits
    if record.error is not None:
        raise error_from_info(record.error)
    raise LightAgentError(f"The flow {name} was cancelled.", guidance="")
