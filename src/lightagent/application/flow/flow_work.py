"""A step that is a flow: its run is on record with the step, so it goes on where it was."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_again import ask_all_again, settling
from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.changed_flow import change_to, within
from lightagent.application.flow.decide_step import decided
from lightagent.application.flow.find_awaited import awaited_in
from lightagent.application.flow.flow_gate import FlowGate, check_policies
from lightagent.application.flow.flow_log import FlowLog
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_spell import watched
from lightagent.application.flow.flow_step import LightFlowStep, by_work, definition_of
from lightagent.application.flow.rerun_flow import open_requests
from lightagent.application.flow.run_flow import run_flow
from lightagent.application.flow.step_code import CodedDefinitions, steps_code, take_code
from lightagent.application.flow.step_work import Noted, StepTask, StepWaits, StepWork
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import ConfigurationError, LightAgentError, ToolError
from lightagent.domain.flow.changes import ChangeFault, change_faults
from lightagent.domain.flow.definition import CodeDigest, FlowDefinition
from lightagent.domain.flow.events import FlowEvent, FlowStarted, RerunRequested
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.flow.validation import validate
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.ports.policy import Gate

MOST_NESTED = 8
"""How many flows may be steps of each other. A record of more levels could not be read back."""


class FlowWork(StepWork):
    """A flow as a step of another. Its result is that of its last end step.

    Args:
        steps: gives its steps; those that are declared later are among them.
        gates: the hooks and policies that review its runs, besides those of the flow around it.
    """

    __slots__ = ("_coded", "_gates", "_name", "_steps")

    def __init__(self, name: str, steps: Callable[[], Sequence[LightFlowStep]], gates: tuple[Gate, ...] = ()) -> None:
        self._name = name
        self._coded = CodedDefinitions(name)
        self._steps = steps
        self._gates = gates

    @property
    def name(self) -> str:
        return self._name

    def steps(self) -> Sequence[LightFlowStep]:
        """Its steps as they are declared now."""
        return self._steps()

    @property
    def captures_content(self) -> bool:
        return False

    def declared(self, levels: int) -> None:
        for step in self._steps() if levels > 0 else ():
            take_code(step, levels - 1)

    def digests(self, levels: int) -> tuple[CodeDigest, ...]:
        return steps_code(self._steps(), levels - 1) if levels > 0 else ()

    async def do(self, task: StepTask) -> object:
        steps = self._steps()
        past: list[FlowEvent] = [note for note in task.past if isinstance(note, FlowEvent)]
        gates = tuple(dict.fromkeys((*task.gates, *self._gates)))
        gate = FlowGate(gates, past) if gates else None
        policies = () if gate is None else gate.policies
        new: list[FlowEvent] = self._changes(task, past, steps) if past else [self._started(task, steps, policies)]
        events = [*past, *new]
        state = fold(events)
        check_policies(state.started.policies, gate)
        watchers = None if task.below is None else task.below()
        if watchers is not None:
            watchers.begin(past)
        if new:
            await task.note(new, None, False)
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
            lost=task.lost,
        )
        if past and isinstance(past[-1], RerunRequested):  # Requests that it makes obsolete are revoked.
            flow.requests.update(open_requests(fold(past[:-1])))
        task.hear(lambda event, heard: flow.report(Report((event,), heard=heard)))
        if watchers is not None:
            for event in new:
                watchers.see(event)
        with watched(flow):
            async with settling(flow):
                await ask_all_again(flow)
                await run_flow(flow)
            while flow.news.is_ringing and flow.state.status not in _OVER:  # A message came while it was about to stop.
                async with settling(flow):
                    await run_flow(flow)
        return _result(state, self._name)

    def _changes(self, task: StepTask, events: Sequence[FlowEvent], steps: Sequence[LightFlowStep]) -> list[FlowEvent]:
        """The event for a flow that was changed since this run of it was interrupted; none if it was not.

        Whether its steps do other work was checked with the outermost run, and the differences were accepted.
        """
        definition, state = self._definition(task, steps), fold(events)
        if definition == state.definition:
            return []
        return [change_to(events, definition, tuple(state.nodes), task.clock.now())]

    def _definition(self, task: StepTask, steps: Sequence[LightFlowStep]) -> FlowDefinition:
        return self._coded(steps) if task.is_coded else definition_of(self._name, steps)

    def change_faults(self, past: Sequence[Noted], accepted: Sequence[str]) -> tuple[ChangeFault, ...] | None:
        events = [note for note in past if isinstance(note, FlowEvent)]
        if not events or not any(step.code for step in fold(events).definition.steps):
            return None
        steps = self._steps()
        below = within(by_work(steps))
        return change_faults(events, self._coded(steps), tuple(accepted), below)

    def gates_of(self, below: Sequence[str]) -> tuple[Gate, ...]:
        step = by_work(self._steps()).get(declared_path(below[0])) if len(below) > 1 else None
        return self._gates if step is None else (*self._gates, *step.work.gates_of(below[1:]))

    def decide(self, past: Sequence[Noted], inside: str, decision: ApprovalDecision, now: float) -> Noted:
        state = fold([note for note in past if isinstance(note, FlowEvent)])
        event = decided(by_work(self._steps()), state, inside, decision, now)
        state.apply(event)  # Raises for an impossible event.
        return event

    def awaited(self, past: Sequence[Noted], reviews: FlowReviews | None) -> tuple[Awaited, ...]:
        events = [note for note in past if isinstance(note, FlowEvent)]
        return tuple(awaited_in(fold(events), by_work(self._steps()), reviews)) if events else ()

    def _started(self, task: StepTask, steps: Sequence[LightFlowStep], policies: tuple[str, ...]) -> FlowStarted:
        place = task.place
        if _levels(place.key) >= MOST_NESTED:
            raise ToolError(
                f"The flow {self._name} was not begun: flows are steps of each other over {MOST_NESTED} levels already."
            )
        definition = self._definition(task, steps)
        found = validate(definition, task.limits)
        if found.errors:
            raise ConfigurationError(
                f"The flow {self._name} cannot run: {'; '.join(found.errors)}.", guidance="See validate()."
            )
        return FlowStarted(
            place.key,
            definition,
            task.query,
            place.scope,
            task.limits,
            trace_id=hashlib.sha256(f"{place.trace_id}/{place.key}.{place.attempt}".encode()).hexdigest()[:32],
            parent_trace_id=place.trace_id,
            run_group_id=place.run_id,
            policies=policies,
            at=task.clock.now(),
        )


_OVER: Final = ("success", "failed", "cancelled")


class NoteLog(FlowLog):
    """Puts the events of a flow's run on record as notes of the step that it is."""

    def __init__(self, task: StepTask) -> None:
        self._task = task

    async def append(self, events: Sequence[FlowEvent], status: str, heard: int | None = None) -> None:
        await self._task.note(events, heard, status == "waiting")


_LEVEL: Final = re.compile(r"%(?:25)*40|@")


def _levels(key: str) -> int:
    """How many flows are steps of each other, by the idempotency key of the innermost step.

    The key of each contains that of the one around it, with its special characters escaped once more.
    """
    return len(set(_LEVEL.findall(key)))


def _result(state: FlowState, name: str) -> object:
    record = flow_record(state)
    if record.status == "success":
        return record.output
    if record.status in ("running", "waiting"):
        raise StepWaits
    if record.error is not None:
        raise error_from_info(record.error)
    raise LightAgentError(f"The flow {name} was cancelled.", guidance="")
