"""The trace of a flow, and those of its agents: made of the events of its run, like everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lightagent.application.projections.trace import trace_events
from lightagent.application.projections.trace_data import decision_data, decision_kind
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    RerunRequested,
    Resumed,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import Event


def flow_trace(events: Sequence[FlowEvent], *, since: int = 0, capture_content: bool = False) -> list[TraceEvent]:
    """The lines of a flow's trace.

    Args:
        since: leave out what comes of this many events at the beginning.
        capture_content: include the messages of errors, and the reasons that people give. They may be private.
    """
    live = LiveFlowTrace(capture_content=capture_content)
    told = [live.add(event) for event in events]
    return [line for lines in told[since:] for line in lines]


class LiveFlowTrace:
    """The lines of a flow's trace as its events come.

    Args:
        capture_content: as in `flow_trace`.
    """

    def __init__(self, *, capture_content: bool = False) -> None:
        self._capture = capture_content
        self._started: FlowStarted | None = None
        self._lines: _Lines | None = None

    def add(self, event: FlowEvent) -> list[TraceEvent]:
        """The lines that an event adds; none before the run has begun."""
        if isinstance(event, FlowStarted):
            self._started, self._lines = event, _Lines(event, capture=self._capture)
        started, lines = self._started, self._lines
        if started is None or lines is None:
            return []
        group = started.run_group_id or started.run_id
        return [
            TraceEvent(kind, data, started.trace_id, started.parent_trace_id, group, event.at)
            for kind, data in (*_decided(event), *lines.of(event))
        ]


def _decided(event: FlowEvent) -> Iterator[tuple[str, JsonObject]]:
    """What policies decided about an event, told before it."""
    match event:
        case (
            AttemptStarted(decisions=decisions, path=step)
            | AttemptFinished(decisions=decisions, path=step)
            | AttemptFailed(decisions=decisions, path=step)
            | StepApprovalRequested(decisions=decisions, path=step)
            | RerunRequested(decisions=decisions, path=step)
        ):
            pass
        case Resumed(decisions=decisions):
            step = ""
        case _:
            return
    for decision in decisions:
        yield decision_kind(decision), {**decision_data(decision), "step": step}


def step_traces(events: Sequence[FlowEvent], captures: Callable[[str], bool]) -> Mapping[str, list[TraceEvent]]:
    """The traces of the agents and flows that were steps, by the path of the step: those of its last attempt.

    Args:
        captures: whether the trace of a step's agent or flow may hold private content.
    """
    last: dict[str, tuple[int, int]] = {}
    noted: dict[str, list[Event | FlowEvent]] = {}
    kept: dict[str, list[Event | FlowEvent]] = {}
    for event in events:
        if isinstance(event, RerunRequested) and event.below:
            kept[event.path] = noted.get(event.path, [])
        if isinstance(event, AttemptNoted):
            attempt = event.epoch, event.attempt
            if last.get(event.path) != attempt:
                last[event.path], noted[event.path] = attempt, kept.pop(event.path, [])
            noted[event.path].append(event.event)
    return {path: _trace_below(below, capture=captures(path)) for path, below in noted.items()}


def _trace_below(noted: Sequence[Event | FlowEvent], *, capture: bool) -> list[TraceEvent]:
    flows = [event for event in noted if isinstance(event, FlowEvent)]
    runs = [event for event in noted if not isinstance(event, FlowEvent)]
    return flow_trace(flows) if flows else trace_events(runs, capture_content=capture)


class _Lines:
    """The lines of each event; remembers what has begun, for the lines about its end."""

    def __init__(self, started: FlowStarted, *, capture: bool) -> None:
        self._started = started
        self._capture = capture
        self._attempts: dict[str, AttemptStarted] = {}
        self._begun: dict[tuple[str, int], float] = {}

    def of(self, event: FlowEvent) -> Iterator[tuple[str, JsonObject]]:
        """The kinds and data of the lines."""
        match event:
            case FlowStarted():
                steps: list[str] = [step.name for step in event.definition.steps]
                yield "flow_start", {"run_id": event.run_id, "flow": event.definition.name, "steps": [*steps]}
            case AttemptStarted():
                yield from self._begin(event)
            case AttemptFinished():
                yield self._end(event, "success", None)
            case AttemptFailed():
                yield self._end(event, "failed" if event.then == "fail" else event.then, event.error)
            case StepApprovalRequested():
                yield "approval_pending", {"step": event.path, "request_id": event.request_id, "about": event.about}
            case StepApprovalDecided(decision=decision):
                told: JsonObject = {"step": event.path, "request_id": event.request_id, "actor": decision.actor}
                shown: JsonObject = {"reason": decision.reason} if self._capture else {}
                yield f"approval_{decision.action}", {**told, **shown}
            case FlowFinished():
                yield (
                    "flow_end",
                    {"run_id": self._started.run_id, "status": event.status, "success": event.status == "success"},
                )
            case _:
                return

    def _begin(self, event: AttemptStarted) -> Iterator[tuple[str, JsonObject]]:
        known = self._attempts.get(event.path)
        again = known is not None and (known.epoch, known.attempt) == (event.epoch, event.attempt)
        self._attempts[event.path] = event
        self._begun.setdefault((event.path, event.epoch), event.at)
        yield "step_start", {"step": event.path, "attempt": event.attempt, "again": again, "status": "running"}

    def _end(
        self, event: AttemptFinished | AttemptFailed, status: str, error: LightAgentErrorInfo | None
    ) -> tuple[str, JsonObject]:
        begun = self._begun.get((event.path, event.epoch), event.at)
        return "step_end", {
            "step": event.path,
            "attempt": event.attempt,
            "status": status,
            "success": error is None,
            "error": None if error is None else self._error(error),
            "duration_ms": round((event.at - begun) * 1000, 3),
        }

    def _error(self, error: LightAgentErrorInfo) -> JsonObject:
        """An error; the message of an exception from foreign code may quote private content."""
        return {"code": error.code, "message": error.message} if self._capture else {"code": error.code}
