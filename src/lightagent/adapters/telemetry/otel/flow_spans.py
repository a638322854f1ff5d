"""The spans of one run of a flow: invoke_workflow for the run, and one below it for each attempt at a step.

Their attributes tell whose a run is and which step is tried. What was said is not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, Span, SpanContext, SpanKind

from lightagent.adapters.telemetry.otel.agent_events import decision_event
from lightagent.adapters.telemetry.otel.attribute_names import (
    ATTEMPT,
    GROUP,
    INVOKE_WORKFLOW,
    OUTCOME,
    PARENT_TRACE,
    RUN,
    STEP,
    STEP_STATUS,
    TAGS,
    TENANT,
    TRACE,
    Names,
)
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes, plain_id
from lightagent.adapters.telemetry.otel.spans import (
    Entered,
    end,
    inside,
    link_to_first,
    span_number,
    tell,
    trace_number,
)
from lightagent.adapters.telemetry.otel.waiting_spans import later
from lightagent.domain.flow.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    AttemptStopped,
    FlowEvent,
    FlowStarted,
    RerunRequested,
    Resumed,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.flow.paths import declared_path
from lightagent.ports.flow_telemetry import FlowEnd, FlowWatch

_DECIDED: Final = (AttemptStarted, AttemptFinished, AttemptFailed, StepApprovalRequested, Resumed, RerunRequested)
_STEP: Final = "lightagent.step"


class OpenTelemetryFlowWatch(FlowWatch):
    """The spans of one run of a flow.

    Args:
        kit: makes them.
        ambient: where the run is called.
        known: the events that were seen before, for a run that is resumed.
    """

    def __init__(self, kit: Kit, ambient: Context, known: Sequence[FlowEvent]) -> None:
        self._kit = kit
        self._ambient = ambient
        self._started = known[0] if known and isinstance(known[0], FlowStarted) else None
        self._is_resumed = self._started is not None
        self._span: Span | None = None
        self._base: Attributes = {}
        self._began = 0.0
        self._steps: dict[str, tuple[Span, float]] = {}
        self._first: SpanContext = INVALID_SPAN_CONTEXT

    def see(self, event: FlowEvent) -> None:
        if isinstance(event, FlowStarted):
            self._started = event
        span = self._flow(event.at)
        if span is None:
            return
        self._tell(span, event)
        match event:
            case AttemptStarted():
                self._begin(event)
            case AttemptFinished(path=path):
                self._end(path, event.at, "success")
            case AttemptFailed(path=path, then=then, error=error):
                self._end(path, event.at, "failed" if then == "fail" else then, error.code, error.message)
            case AttemptStopped(path=path):
                self._end(path, event.at, "stopped")
            case _:
                pass

    def _tell(self, span: Span, event: FlowEvent) -> None:
        """What the conventions have no operation for, as events of the run's span; reasons and queries are not told."""
        if isinstance(event, _DECIDED):
            for decision in event.decisions:
                tell(span, *decision_event(decision), event.at)
        if isinstance(event, StepApprovalRequested):
            tell(span, "lightagent.approval.requested", {_STEP: kind_of_step(event.path)}, event.at)
        elif isinstance(event, StepApprovalDecided):
            told: Attributes = {_STEP: kind_of_step(event.path), "lightagent.action": event.decision.action}
            tell(span, "lightagent.approval.decided", told, event.at)

    def enter_flow(self, at: float) -> Callable[[], None]:
        span = self._flow(at)
        return _nothing if span is None else Entered(inside(span, otel_context.get_current())).leave

    def enter_step(self, path: str, at: float) -> Callable[[], None]:
        known = self._steps.get(path)
        return _nothing if known is None else Entered(inside(known[0], otel_context.get_current())).leave

    def enter_logs(self) -> Callable[[], None]:
        if not self._first.is_valid:
            return _nothing
        return Entered(inside(NonRecordingSpan(self._first), otel_context.get_current())).leave

    def left(self, end: FlowEnd) -> None:
        self._leave(end.at, end)

    def _flow(self, at: float) -> Span | None:
        """The span of the run, begun now where it is resumed."""
        started = self._started
        if self._span is not None or started is None:
            return self._span
        kit, names = self._kit, self._kit.names
        self._base = plain_attributes(flow_attributes(names, started, kit.tags))
        own: Attributes = {names.operation: INVOKE_WORKFLOW, names.workflow: started.definition.name}
        self._began, trace = (at if self._is_resumed else started.at), trace_number(started.trace_id)
        link = link_to_first(started.run_id, started.trace_id) if self._is_resumed and kit.spans.chooses_ids else None
        span = kit.spans.start_chosen(
            f"{INVOKE_WORKFLOW} {started.definition.name}",
            self._ambient,
            own,
            self._began,
            () if link is None else (link,),
            (trace, 0 if self._is_resumed else span_number(started.run_id)),
            {**self._base, RUN: plain_id(started.run_id)},
        )
        if started.trace_id != f"{span.get_span_context().trace_id:032x}":
            span.set_attribute(TRACE, plain_id(started.trace_id))
        if kit.content.on_spans and span.is_recording() and isinstance(started.input, str):
            span.set_attributes(kit.content.question(started.input))
        self._span, self._first = span, span.get_span_context()
        return span

    def _begin(self, event: AttemptStarted) -> None:
        """An attempt begins; one that was cut, and begins once more, has another span."""
        self._cut_off(event.path, event.at)
        if self._span is None:
            return
        kind, kit = kind_of_step(event.path), self._kit
        around = inside(self._span, self._ambient)
        own = step_attributes(event)
        span = kit.spans.start(f"{_STEP} {kind}", around, SpanKind.INTERNAL, own, event.at, (), self._base)
        self._steps[event.path] = span, event.at

    def _end(self, path: str, at: float, status: str, error: str = "", message: str = "") -> None:
        known = self._steps.pop(path, None)
        if known is None:
            return
        span, began = known
        texts = self._kit.error_message(message) if message and span.is_recording() else None
        end(span, at, error, names=self._kit.names, attributes={STEP_STATUS: status}, texts=texts)
        flow = "" if self._started is None else self._started.definition.name
        self._kit.metrics.step(at - began, flow, kind_of_step(path), status, error)

    def _cut_off(self, path: str, at: float) -> None:
        known = self._steps.pop(path, None)
        if known is not None:
            end(known[0], at, names=self._kit.names)

    def _leave(self, at: float, told: FlowEnd | None) -> None:
        for path in [*self._steps]:
            self._cut_off(path, at)
        span, self._span = self._span, None
        if span is None:
            return
        kit, error = self._kit, "" if told is None or told.error is None else told.error.code
        failed = error if told is not None and told.status == "failed" else ""
        status = "interrupted" if told is None else told.status
        texts = None
        if told is not None and kit.content.on_spans and span.is_recording():
            texts = kit.content.answer(told.content) if told.status == "success" else None
        end(span, at, failed, names=kit.names, attributes={OUTCOME: status}, texts=texts)
        if self._started is not None:
            kit.metrics.workflow(at - self._began, self._started.definition.name, status, failed)

    def __del__(self) -> None:
        # The run was never ended, and the process goes on. A finalizer must not end spans, so this is done later.
        if self._span is not None:
            later(partial(self._leave, self._began, None))


def _nothing() -> None:
    return None


def flow_attributes(names: Names, started: FlowStarted, tags: tuple[str, ...]) -> Attributes:
    """What every span of a run has: whose it is, where it belongs, and the caller's tags."""
    found: Attributes = {}
    if started.scope.user:
        found[names.user] = started.scope.user
    if started.scope.tenant:
        found[TENANT] = started.scope.tenant
    if started.run_group_id:
        found[GROUP] = started.run_group_id
    if started.parent_trace_id:
        found[PARENT_TRACE] = started.parent_trace_id
    if tags:
        found[TAGS] = tags
    return found


def step_attributes(event: AttemptStarted) -> Attributes:
    """What is known of an attempt when it begins."""
    return {STEP: kind_of_step(event.path), ATTEMPT: event.attempt}


def kind_of_step(path: str) -> str:
    """The step as it was declared, whatever the item or round; of steps that a step has added, that one.

    A model may have made up the names of those that were added.
    """
    return declared_path(path).partition("+/")[0]
