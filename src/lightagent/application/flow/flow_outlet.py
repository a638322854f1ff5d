"""The live view of a flow: the events of its steps and of the agents among them, as they happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from lightagent.application.flow.flow_stream_events import (
    ApprovalDecidedData,
    FlowDoneData,
    FlowDoneEvent,
    FlowStartData,
    FlowStartEvent,
    FlowStreamEvent,
    StepApprovalDecidedEvent,
    StepApprovalRequiredEvent,
    StepEndData,
    StepEndEvent,
    StepRestartEvent,
    StepStartEvent,
    failure_data,
    in_step,
)
from lightagent.application.flow.step_result import FlowStatus
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.steps import Step
from lightagent.application.projections.stream_events import ApprovalRequiredData, usage_data
from lightagent.application.projections.usage import step_usage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.flow.state import FlowState
from lightagent.domain.json_copies import copy_json
from lightagent.domain.usage import Usage


@dataclass(slots=True)
class _Spent:
    """The tokens of all agents in a run, and in nested runs."""

    usage: Usage = field(default_factory=Usage)


class FlowOutlet:
    """Passes the events of one run and its nested runs to the consumer of a stream.

    Args:
        put: hands one event over; returns once it was taken, or there is room for it.
        around: the path of the step that the run is, with a slash; empty for the outermost run.
        spent: counts the tokens of the outermost run.
    """

    def __init__(
        self,
        put: Callable[[FlowStreamEvent], Awaitable[None]],
        trace_id: str = "",
        around: str = "",
        spent: _Spent | None = None,
    ) -> None:
        self._put = put
        self._trace_id = trace_id
        self._around = around
        self._spent = _Spent() if spent is None else spent
        self._begun: set[str] = set()

    async def begin(self, state: FlowState) -> None:
        """Report that a run begins, or goes on."""
        if self._around or self._trace_id:
            return
        self._trace_id = state.started.trace_id
        resumed = any(node.started_at is not None for node in state.nodes.values())
        data: FlowStartData = {
            "run_id": state.run_id,
            "flow": state.definition.name,
            "steps": [step.name for step in state.definition.steps],
            "resumed": resumed,
        }
        await self._put(FlowStartEvent(data, self._trace_id, self._place("")))

    async def end(self, status: FlowStatus, content: str, error: LightAgentErrorInfo | None) -> None:
        """Report that the run was left: it has ended, or waits."""
        data: FlowDoneData = {
            "status": status,
            "content": content,
            "error": failure_data(error),
            "usage": usage_data(self._spent.usage),
        }
        await self._put(FlowDoneEvent(data, self._trace_id, self._place("")))

    async def happened(self, event: FlowEvent) -> None:
        """Report an event that is on record."""
        for shown in self._shown(event):
            await self._put(shown)

    def _shown(self, event: FlowEvent) -> Iterator[FlowStreamEvent]:
        match event:
            case AttemptStarted(path=path, attempt=attempt):
                again = path in self._begun or attempt > 1
                self._begun.add(path)
                kind = StepRestartEvent if again else StepStartEvent
                yield kind({"attempt": attempt}, self._trace_id, self._place(path))
            case AttemptFinished() | AttemptFailed():
                yield StepEndEvent(_end(event), self._trace_id, self._place(event.path))
            case StepApprovalRequested():
                yield StepApprovalRequiredEvent(_question(event), self._trace_id, self._place(event.path))
            case StepApprovalDecided(decision=decision):
                decided: ApprovalDecidedData = {
                    "id": event.request_id,
                    "action": decision.action,
                    "actor": decision.actor,
                    "reason": decision.reason,
                }
                yield StepApprovalDecidedEvent(decided, self._trace_id, self._place(event.path))
            case _:
                pass

    def agent(self, path: str) -> Callable[[Step], Awaitable[None]]:
        """Takes the events of the run of an agent that is a step."""
        view, place = StreamEvents(self._trace_id), f"{self._around}{path}"

        async def give(step: Step) -> None:
            if (usage := step_usage(step)) is not None:
                self._spent.usage += usage
            for event in view.feed(step):
                shown = in_step(event, place)
                if shown is not None:
                    await self._put(shown)

        return give

    def flow(self, path: str) -> FlowOutlet:
        """The outlet of a nested flow."""
        return FlowOutlet(self._put, self._trace_id, f"{self._around}{path}/", self._spent)

    def _place(self, path: str) -> str:
        return f"{self._around}{path}" if path else self._around.rstrip("/")


def _end(event: AttemptFinished | AttemptFailed) -> StepEndData:
    """The result of an attempt."""
    if isinstance(event, AttemptFinished):
        output = event.output
        return {
            "attempt": event.attempt,
            "status": "success",
            "content": output.text,
            "output": copy_json(output.value),
            "error": None,
        }
    return {
        "attempt": event.attempt,
        "status": "failed" if event.then == "fail" else event.then,
        "content": "",
        "output": None,
        "error": failure_data(event.error),
    }


def _question(event: StepApprovalRequested) -> ApprovalRequiredData:
    """The request that a person must decide about."""
    return {
        "id": event.request_id,
        "name": event.path,
        "reason": f"The step {event.path} needs approval.",
        "request": {"about": event.about, "query": copy_json(event.query)},
    }
