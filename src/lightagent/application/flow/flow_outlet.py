"""The live view of a flow: what happens to its steps, and what the agents among them say, as it happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.application.flow.step_result import error_dict
from lightagent.application.projections.stream_events import StreamEvents, StreamEventType
from lightagent.application.steps import Step
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
from lightagent.domain.json_types import JsonObject, JsonValue

FlowStreamEventType: TypeAlias = (
    StreamEventType | Literal["flow_start", "step_start", "step_restart", "step_end", "approval_decided"]
)


@dataclass(frozen=True, slots=True)
class FlowStreamEvent:
    """One thing that happened in a run of a flow, as it happens.

    ``flow_start`` holds ``{"run_id", "flow", "steps", "resumed"}``; ``step_start`` ``{"attempt"}``; ``step_restart``
    the same: an attempt begins anew, and what was shown of the step before is void; ``step_end`` ``{"attempt",
    "status", "content", "output", "error"}``, where the status of an attempt that is not the last is ``retry`` or
    ``fallback``; ``approval_required`` ``{"id", "name", "reason", "request"}``; ``approval_decided`` ``{"id",
    "action", "actor", "reason"}``; ``done``, the last one, ``{"status", "content", "error"}``. What agents say and do
    comes as in their own streams; see `StreamEvent`.

    Attributes:
        step: the path of the step; empty where it is about the flow. Of a step of the flow that is the step ``outer``:
            ``outer/inner``.
        path: within the step of an agent, the ids of the calls that lead to an agent that was called as a tool.
    """

    type: FlowStreamEventType
    data: JsonObject
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


class FlowOutlet:
    """The way of one run, and of those that are steps of it, to the consumer of a stream.

    Args:
        put: hands one event over; returns once it was taken, or there is room for it.
        around: the path of the step that the run is, with a slash; empty for the outermost run.
    """

    def __init__(self, put: Callable[[FlowStreamEvent], Awaitable[None]], trace_id: str = "", around: str = "") -> None:
        self._put = put
        self._trace_id = trace_id
        self._around = around
        self._begun: set[str] = set()

    async def begin(self, state: FlowState) -> None:
        """A run begins, or goes on."""
        if self._around or self._trace_id:
            return
        self._trace_id = state.started.trace_id
        steps: list[JsonValue] = [step.name for step in state.definition.steps]
        resumed = any(node.started_at is not None for node in state.nodes.values())
        data: JsonObject = {"run_id": state.run_id, "flow": state.definition.name, "steps": steps, "resumed": resumed}
        await self._show("flow_start", "", data)

    async def end(self, status: str, content: str, error: JsonValue) -> None:
        """The run was left: it has ended, or waits."""
        await self._show("done", "", {"status": status, "content": content, "error": error})

    async def happened(self, event: FlowEvent) -> None:
        """Something is on record."""
        match event:
            case AttemptStarted(path=path, attempt=attempt):
                again = path in self._begun or attempt > 1
                self._begun.add(path)
                await self._show("step_restart" if again else "step_start", path, {"attempt": attempt})
            case AttemptFinished(path=path, attempt=attempt, output=output):
                told: JsonObject = {"attempt": attempt, "status": "success", "content": output.text}
                await self._show("step_end", path, {**told, "output": copy_json(output.value), "error": None})
            case AttemptFailed(path=path, attempt=attempt, then=then, error=error):
                told = {"attempt": attempt, "status": "failed" if then == "fail" else then, "content": ""}
                await self._show("step_end", path, {**told, "output": None, "error": error_dict(error)})
            case StepApprovalRequested(path=path):
                request: JsonObject = {"about": event.about, "query": copy_json(event.query)}
                told = {"id": event.request_id, "name": path, "reason": f"The step {path} needs approval."}
                await self._show("approval_required", path, {**told, "request": request})
            case StepApprovalDecided(path=path, decision=decision):
                told = {"id": event.request_id, "action": decision.action, "actor": decision.actor}
                await self._show("approval_decided", path, {**told, "reason": decision.reason})
            case _:
                pass

    def agent(self, path: str) -> Callable[[Step], Awaitable[None]]:
        """Takes what happens in the run of an agent that is a step."""
        view, place = StreamEvents(self._trace_id), f"{self._around}{path}"

        async def give(step: Step) -> None:
            for event in view.feed(step):
                if event.type not in ("error", "done"):  # The end of the step tells that.
                    await self._put(FlowStreamEvent(event.type, event.data, self._trace_id, place, event.path))

        return give

    def flow(self, path: str) -> FlowOutlet:
        """The way of the run of a flow that is a step."""
        return FlowOutlet(self._put, self._trace_id, f"{self._around}{path}/")

    async def _show(self, kind: FlowStreamEventType, path: str, data: JsonObject) -> None:
        place = f"{self._around}{path}" if path else self._around.rstrip("/")
        await self._put(FlowStreamEvent(kind, data, self._trace_id, place))
