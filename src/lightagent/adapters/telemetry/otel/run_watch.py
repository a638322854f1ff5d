"""Watches one run, and makes its spans."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext

from lightagent.adapters.telemetry.otel.agent_spans import AgentSpans
from lightagent.adapters.telemetry.otel.call_spans import CallSpan
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.spans import (
    Entered,
    headers_of,
    inside,
    link_to_first,
    span_number,
    trace_number,
)
from lightagent.adapters.telemetry.otel.waiting_spans import later
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.origin import CALLED_IN, Origin, TraceHeaders
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import Event, Nested, Noted, RunFinished, RunStarted, ToolStarted
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import Asking, CurrentSpans, RunWatch, SideRequest

Path = tuple[str, ...]


class OpenTelemetryWatch(RunWatch, CurrentSpans):
    """The spans of one run and of those nested in it, which are found by the ids of the calls that lead to them.

    Args:
        kit: makes them.
        ambient: where the run is called.
        known: the events that were seen before, for a run that is resumed.
    """

    def __init__(self, kit: Kit, ambient: Context, known: Sequence[Event]) -> None:
        self._kit = kit
        self._ambient = ambient
        self._known = known
        self._past = _past(known)
        self._agents: dict[Path, AgentSpans] = {}
        self._outermost: SpanContext = INVALID_SPAN_CONTEXT
        self._tags: tuple[str, ...] = ()

    def see(self, event: Event) -> None:
        path: Path = ()
        while isinstance(event, Nested):
            path, event = (*path, event.call_id), event.event
        if isinstance(event, RunStarted):
            self._agents[path] = self._begun(path, event)
            return
        agent = self._agents.get(path) or self._resumed(path, event.at)
        if agent is None:
            return
        agent.see(event)
        if isinstance(event, RunFinished):
            del self._agents[path]
            # A reviewer who decides at once lets it go on, and nothing tells its beginning again.
            self._past[path] = [agent.started] if isinstance(event.outcome, Suspended) else []
            self._cut_off_below(path, event.at)

    def see_later(self, event: Event) -> None:
        later(partial(self.see, event))

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        agent = self._agents.get(origin.path)
        return () if agent is None else headers_of(agent.asking)

    def call_headers(self, path: Path, origin: Origin) -> TraceHeaders:
        agent = self._agents.get(path[:-1])
        call = None if agent is None else agent.call(path[-1])
        return self.trace_headers(origin) if call is None else headers_of(call.span)

    def ask(
        self, request: ChatRequest, at: float, aside: SideRequest | None = None, prices: PriceTable = NO_PRICES
    ) -> Asking:
        agent = self._agents.get(request.origin.path) or self._resumed(request.origin.path, at)
        if agent is None:
            raise LookupError("An attempt began in a run that was not told.")
        return agent.ask(request, at, aside, prices)

    def enter_run(self, path: Path, at: float) -> Callable[[], None]:
        agent = self._agents.get(path) or self._resumed(path, at)
        return _nothing if agent is None else agent.enter()

    def enter_logs(self) -> Callable[[], None]:
        if not self._outermost.is_valid:
            return _nothing
        return Entered(inside(NonRecordingSpan(self._outermost), otel_context.get_current())).leave

    def enter_tool(self, path: Path, at: float, spec: ToolSpec | None = None) -> None:
        agent = self._agents.get(path[:-1]) or self._resumed(path[:-1], at)
        if agent is None:
            return
        call = self._call_of(agent, path, at)
        if spec is not None:
            call.declare(spec)
        call.enter()

    def _begun(self, path: Path, started: RunStarted) -> AgentSpans:
        if path:
            return AgentSpans(self._kit, started, self._above(path), started.at, tags=self._tags)
        self._tags = started.tags
        ids = trace_number(started.trace_id), span_number(started.run_id)
        agent = AgentSpans(self._kit, started, self._ambient, started.at, ids=ids, tags=self._tags)
        agent.tell_trace(started.trace_id)
        self._outermost = agent.span.get_span_context()
        return agent

    def _resumed(self, path: Path, at: float) -> AgentSpans | None:
        """The spans of a run that began before, in another process maybe; None where it has ended or is not known."""
        past = self._past.get(path, [])
        started = past[0] if past else None
        if not isinstance(started, RunStarted) or _is_over(past[-1]):
            return None
        if path:
            around = self._agents.get(path[:-1]) or self._resumed(path[:-1], at)
            if around is not None:
                self._call_of(around, path, at)
            agent = AgentSpans(self._kit, started, self._above(path), at, tags=self._tags)
        else:
            self._tags = started.tags
            trace = self._first_trace(started)
            link = link_to_first(started.run_id, trace) if self._kit.spans.chooses_ids else None
            ids = trace_number(trace), 0
            links, tags = () if link is None else (link,), self._tags
            agent = AgentSpans(self._kit, started, self._ambient, at, links=links, ids=ids, tags=tags)
            agent.tell_trace(started.trace_id)
            self._outermost = agent.span.get_span_context()
        agent.take_up(past)
        self._agents[path] = agent
        return agent

    def _first_trace(self, started: RunStarted) -> str:
        """The id of the trace that the first span of a run is in, which its caller may know by another id."""
        if self._outermost.is_valid:  # It waited in this process, and was not left.
            return f"{self._outermost.trace_id:032x}"
        noted = (event for event in self._known if isinstance(event, Noted) and event.kind == CALLED_IN)
        event = next(noted, None)
        return started.trace_id if event is None else str(event.data.get("trace_id"))

    def _call_of(self, agent: AgentSpans, path: Path, at: float) -> CallSpan:
        """The span of a call that an agent makes; one that goes on after it was interrupted begins here."""
        return agent.call(path[-1]) or agent.begin_call(self._tool_of(path), path[-1], at)

    def _tool_of(self, path: Path) -> str:
        """The name of the tool of a call that began before."""
        past = self._past.get(path[:-1], [])
        began = (event for event in reversed(past) if isinstance(event, ToolStarted) and event.call_id == path[-1])
        event = next(began, None)
        return "" if event is None else event.name

    def _above(self, path: Path) -> Context:
        """The context in which a nested run begins: that of the call that it serves, if its span is there."""
        for end in range(len(path) - 1, -1, -1):
            agent = self._agents.get(path[:end])
            if agent is not None:
                call = agent.call(path[end])
                return inside(agent.span if call is None else call.span, self._ambient)
        return self._ambient

    def _cut_off_below(self, path: Path, at: float) -> None:
        """A run is over, so what is nested in it is as well."""
        if self._agents:
            below = [other for other in self._agents if other[: len(path)] == path]
            for other in sorted(below, key=len, reverse=True):
                self._agents.pop(other).cut_off(at)

    def __del__(self) -> None:
        # The run was never closed, and the process goes on. A finalizer must not end spans, so this is done later.
        # The collector finalizes a cycle in any order, so the last events of the run may come after this.
        if self._agents:
            later(partial(later, partial(self._cut_off_below, (), time.time())))


def _past(known: Sequence[Event]) -> dict[Path, list[Event]]:
    """The events that were seen before, by the run in which they happened; of a call's runs the last."""
    past: dict[Path, list[Event]] = {}
    for event in known:
        path: Path = ()
        while isinstance(event, Nested):
            path, event = (*path, event.call_id), event.event
        if isinstance(event, RunStarted):
            past[path] = []
        past.setdefault(path, []).append(event)
    return past


def _nothing() -> None:
    return None


def _is_over(last: Event) -> bool:
    """Whether a run of which this is the last event does not go on."""
    return isinstance(last, RunFinished) and not isinstance(last.outcome, Suspended)
