"""The invoke_agent span of one run, or of one agent that was called as a tool, and the spans below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind

from lightagent.adapters.telemetry.otel.agent_events import is_reported, refused_call, span_events_of
from lightagent.adapters.telemetry.otel.attempt_spans import AttemptSpan
from lightagent.adapters.telemetry.otel.attribute_names import COST, OUTCOME, RUN, TRACE
from lightagent.adapters.telemetry.otel.attributes import owner_attributes, run_attributes, usage_attributes
from lightagent.adapters.telemetry.otel.call_spans import CallSpan
from lightagent.adapters.telemetry.otel.costs import RunCosts
from lightagent.adapters.telemetry.otel.head_facts import ChatBase, chat_base
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes, plain_id
from lightagent.adapters.telemetry.otel.spans import Entered, end, inside, tell
from lightagent.adapters.telemetry.otel.work_spans import WorkSpans
from lightagent.aiokits.observed_work import listen
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.conversation.messages import ToolCall, UserMessage
from lightagent.domain.outcomes import Cancelled, Completed, Outcome, outcome_error
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.effects import HandOver
from lightagent.domain.runs.events import (
    Admitted,
    ApprovalRequested,
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.tools.spec import ToolSpec
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import SideRequest

NO_IDS: Final = (0, 0)
_USING: Final = (ModelReplied, ModelFailed, ContextReplaced, Planned, Concluded)
"""The events that report the token usage of requests, including those beside the conversation."""
_NO_USAGE: Final = Usage()


class AgentSpans:
    """The spans of one agent's run.

    Args:
        kit: makes the spans.
        started: the first event of the run.
        parent: the context in which the run is called.
        at: the start time of the span, in seconds since 1970; for a resumed run, the time at which it is resumed.
        links: links to the earlier spans of the same run.
        ids: the ids of the trace and the span, if they are chosen in advance; otherwise `NO_IDS`.
        tags: the tags that the caller gave the run.

    Attributes:
        context: the context in which the span is current.
        head: the agent that acts now; a handoff changes it.
        span: the span of the agent.
        started: the first event of the run.
    """

    __slots__ = (
        "_attempt",
        "_base",
        "_called",
        "_calls",
        "_chat",
        "_costs",
        "_kit",
        "_newest",
        "_owner",
        "_specs",
        "_unknown",
        "_usage",
        "_work",
        "context",
        "head",
        "span",
        "started",
    )

    def __init__(
        self,
        kit: Kit,
        started: RunStarted,
        parent: Context,
        at: float,
        *,
        links: Sequence[Link] = (),
        ids: tuple[int, int] = NO_IDS,
        tags: tuple[str, ...] = (),
    ) -> None:
        self._kit = kit
        self.started: RunStarted = started
        names, facts = kit.names, kit.heads.facts(started.head)
        self._base = plain_attributes(owner_attributes(names, started, kit.tags_of(tags)))
        session = self._base.get(names.session)
        self._owner = self._base if session is None else {**self._base, names.conversation: session}
        own = run_attributes(names, started)
        base = {**self._owner, **facts.attributes, RUN: plain_id(started.run_id)}
        if ids == NO_IDS:
            self.span: Span = kit.spans.start(facts.title, parent, SpanKind.INTERNAL, own, at, links, base)
        else:
            self.span = kit.spans.start_chosen(facts.title, parent, own, at, links, ids, base)
        self.context: Context = inside(self.span, parent)
        self.head: AgentHead = started.acting or started.head
        self._calls: dict[str, CallSpan] = {}
        self._work = WorkSpans(kit, self._base, self._calls)
        if started.messages and isinstance(asked := started.messages[-1], UserMessage):
            self._ask_of(asked)
        self._chat: tuple[AgentHead, ChatBase] | None = None
        self._attempt: AttemptSpan | None = None
        self._newest: AttemptSpan | None = None
        self._called: tuple[ToolCall, ...] = ()
        self._specs: tuple[ToolSpec, ...] = ()
        self._unknown: list[ToolFinished] = []
        self._usage = _NO_USAGE
        self._costs = RunCosts()

    def _ask_of(self, asked: UserMessage) -> None:
        if self._kit.content.on_spans and self.span.is_recording():
            self.span.set_attributes(self._kit.content.question(asked.text))

    def tell_trace(self, trace_id: str) -> None:
        """Record the trace id under which the application knows the run, if it differs from the one of the spans."""
        if trace_id and trace_id != f"{self.span.get_span_context().trace_id:032x}":
            self.span.set_attribute(TRACE, plain_id(trace_id))

    def take_up(self, past: Sequence[Event]) -> None:
        """Find out from the earlier events of a resumed run which agent acts in it now."""
        for event in past:
            if isinstance(event, ToolFinished):
                self._hand_over(event)

    def see(self, event: Event) -> None:
        """Update the spans for one event of this agent's run."""
        if self._unknown and not isinstance(event, ToolFinished):
            self._settle(left=isinstance(event, RunFinished) and isinstance(event.outcome, Cancelled))
        if is_reported(event) and self.span.is_recording():
            self._tell(event)
        if self._kit.sum_usage:
            self._sum(event)
        match event:
            case ModelReplied() | ModelFailed():
                self._answered(event)
            case Admitted():
                self._ask_of(event.message)
            case ToolStarted():
                self._begin_call(event)
            case ToolFinished():
                self._end_call(event)
            case ApprovalRequested():
                self._wait(event)
            case RunFinished():
                self._finish(event)
            case _:
                pass

    def _tell(self, event: Event) -> None:
        for name, attributes in span_events_of(self._kit.names, event):
            tell(self.span, name, attributes, event.at)

    def _sum(self, event: Event) -> None:
        if isinstance(event, _USING) and event.usage is not None:
            self._usage += event.usage

    def enter(self) -> Callable[[], None]:
        """Make the span current, and the parent of reported work, until the returned function is called."""
        entered, stop = Entered(self.context), listen(self._work)

        def leave() -> None:
            stop()
            entered.leave()

        return leave

    def ask(self, request: ChatRequest, at: float, aside: SideRequest | None, prices: PriceTable) -> AttemptSpan:
        """Start and return the span of an attempt at a request, and make it current."""
        self._costs.prices = prices
        if aside is not None:
            head = replace(self.head, model=aside.model, endpoint=aside.endpoint, params={}, output_schema=None)
            base = chat_base(self._kit.names, head).of(self._owner)
            self._newest = AttemptSpan(self._kit, base, self.context, request, at, aside, self._costs)
            self._work.attempt = self._newest
            return self._newest
        self._specs = request.tools or self._specs
        if self._chat is None or self._chat[0] is not self.head:
            self._chat = self.head, self._kit.heads.facts(self.head).chat.of(self._owner)
        base = self._chat[1]
        self._attempt = self._newest = AttemptSpan(self._kit, base, self.context, request, at, None, self._costs)
        self._work.attempt = self._newest
        return self._attempt

    def call(self, call_id: str) -> CallSpan | None:
        """Return the span of a call under way; None if it has none."""
        return self._calls.get(call_id)

    @property
    def asking(self) -> Span:
        """The parent of requests that are sent now: the span of the attempt under way, otherwise the agent's span."""
        attempt = self._newest
        return self.span if attempt is None or attempt.is_over else attempt.span

    def begin_call(self, name: str, call_id: str, at: float) -> CallSpan:
        """Return the span of a call of which only name and id are known; start one unless the call has a span."""
        spec = self._spec_of(name)
        return self._calls.setdefault(call_id, CallSpan(self._kit, self._base, self.context, name, call_id, at, spec))

    def _spec_of(self, name: str) -> ToolSpec | None:
        for spec in self._specs:
            if spec.name == name:
                return spec
        return None

    def cut_off(self, at: float) -> None:
        """End all open spans of a run whose end was not reported."""
        self._cut_off_rest(at)
        end(self.span, at, names=self._kit.names)

    def _answered(self, event: ModelReplied | ModelFailed) -> None:
        if self._attempt is None:
            return
        if isinstance(event, ModelReplied):
            self._attempt.replied(event)
            self._called = event.message.tool_calls
        else:
            self._attempt.failed(event)

    def _wait(self, event: ApprovalRequested) -> None:
        if (call := self._calls.pop(event.call_id, None)) is not None:
            call.waits(event.at)

    def _begin_call(self, event: ToolStarted) -> None:
        name, call_id, spec = event.name, event.call_id, self._spec_of(event.name)
        self._calls[call_id] = CallSpan(
            self._kit, self._base, self.context, name, call_id, event.at, spec, event.arguments
        )

    def _end_call(self, event: ToolFinished) -> None:
        if event.status == "unknown":
            # The call was given up. That is a failure, unless the next event says that the caller cancelled the run.
            self._unknown.append(event)
        elif (call := self._calls.pop(event.call_id, None)) is not None:
            call.finished(event)
        elif self.span.is_recording():
            # A name that the model made up is content.
            name = next((call.name for call in self._called if call.id == event.call_id), "")
            known = "" if self._spec_of(name) is None else name
            name, attributes = refused_call(self._kit.names, event, known)
            tell(self.span, name, attributes, event.at)
        if event.effects:
            self._hand_over(event)

    def _hand_over(self, event: ToolFinished) -> None:
        for effect in event.effects:
            if isinstance(effect, HandOver):
                self.head = effect.head

    def _settle(self, *, left: bool) -> None:
        unknown, self._unknown = self._unknown, []
        for event in unknown:
            if (call := self._calls.pop(event.call_id, None)) is not None:
                call.finished(event, left=left)

    def _finish(self, event: RunFinished) -> None:
        kit, error = self._kit, outcome_error(event.outcome)
        self._cut_off_rest(event.at, "" if error is None else error.code)
        told: Attributes = {OUTCOME: event.outcome.kind}
        if kit.sum_usage:
            told.update(usage_attributes(kit.names, self._usage))
            if (cost := self._costs.total) is not None:
                told[COST] = cost
        texts = _ending(kit, event.outcome) if kit.content.on_spans and self.span.is_recording() else None
        end(self.span, event.at, "" if error is None else error.code, names=kit.names, attributes=told, texts=texts)

    def _cut_off_rest(self, at: float, error_type: str = "") -> None:
        """End the open spans of attempts and calls at the end of the run.

        Args:
            at: the time of the end, in seconds since 1970.
            error_type: the code of the run's error, which is recorded on calls; empty without an error.
        """
        if self._unknown:
            self._settle(left=True)
        if self._attempt is not None and not self._attempt.is_over:
            self._attempt.cut_off(at)
        for call in self._calls.values():
            call.cut_off(at, error_type)
        self._calls.clear()


def _ending(kit: Kit, outcome: Outcome) -> Mapping[str, str]:
    """Return the attribute with the answer of a run, or with its error message."""
    if isinstance(outcome, Completed):
        return kit.content.answer(outcome.content)
    error = outcome_error(outcome)
    return {} if error is None else kit.error_message(error.message)
