"""The chat spans: one for each attempt at a request to a model, which is current until the first delta arrives."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AnyValue

from lightagent.adapters.telemetry.otel.attribute_names import ASIDE, ATTEMPT, CHAT, COST, MODEL, TURN
from lightagent.adapters.telemetry.otel.attributes import (
    Reply,
    measured_attributes,
    model_attributes,
    model_server,
    reply_attributes,
    request_parameters,
)
from lightagent.adapters.telemetry.otel.content_events import details, emit, exception_details
from lightagent.adapters.telemetry.otel.costs import RunCosts
from lightagent.adapters.telemetry.otel.head_facts import ChatBase
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.other_tracers import suppress_other_tracers
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes, plain_name
from lightagent.adapters.telemetry.otel.spans import Entered, end, inside, nanoseconds, tell
from lightagent.adapters.telemetry.otel.waiting_spans import later, this_task
from lightagent.aiokits.observed_work import Ended, Fact
from lightagent.domain.conversation.deltas import ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import Cancelled
from lightagent.domain.runs.events import ModelFailed, ModelReplied
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import Asking, SideRequest


class AttemptSpan(Asking):
    """One attempt, from the moment at which its request is sent.

    Args:
        kit: makes the span and records the measurements.
        base: the title and the attributes that all requests of the agent share.
        parent: the context of the agent's span.
        request: the request.
        at: the time at which the request is sent, in seconds since 1970.
        aside: the purpose of a request beside the conversation; None for a turn of the conversation.
        costs: the costs of the run, to which the cost of this attempt is added.

    Attributes:
        is_over: whether the span has ended.
        span: the span of the attempt.
    """

    __slots__ = (
        "_base",
        "_began",
        "_costs",
        "_entered",
        "_is_shown",
        "_kit",
        "_model",
        "_own",
        "_said",
        "_streams",
        "_task",
        "is_over",
        "span",
    )

    def __init__(
        self,
        kit: Kit,
        base: ChatBase,
        parent: Context,
        request: ChatRequest,
        at: float,
        aside: SideRequest | None,
        costs: RunCosts,
    ) -> None:
        self._kit, self._base, self._began, self._streams = kit, base, at, request.stream
        self._model, self._costs = base.model, costs
        self.is_over: bool = False
        self._task = None if aside is None else this_task()
        self._own = _at_start(kit, request, aside)
        self.span: Span = kit.spans.start(base.title, parent, SpanKind.CLIENT, self._own, at, base=base.attributes)
        self._is_shown = kit.content.on_spans and self.span.is_recording()
        self._said: dict[str, str] = {}
        if self._is_shown or kit.content.as_events:
            self._said.update(kit.content.request(request.messages, request.tools))
        if self._is_shown:
            self.span.set_attributes(self._said)
        # Must come last: if anything above raised, the context would never be left.
        self._entered = Entered(suppress_other_tracers(inside(self.span, otel_context.get_current()), CHAT))

    def begin_model(self, facts: Mapping[str, Fact]) -> Ended:
        """Record which of several models is asked.

        Returns:
            A function to call once that model begins to answer, with None, or has failed, with its exception.
        """
        names = self._kit.names
        self._model = str(facts.get("name") or self._model)
        self.span.update_name(plain_name(f"{CHAT} {self._model}"))
        self._learn(model_attributes(names, self._model, facts))
        return partial(self._model_answered, model_server(names, facts))

    def _model_answered(self, server: Attributes, error: BaseException | None) -> None:
        """Record the server of a model that begins to answer, or an event for a model that has failed.

        Attributes of a span cannot be removed, so the server is recorded only once it is known to answer.
        """
        if error is None:
            self._learn(server)
        elif isinstance(error, Exception) and self.span.is_recording():
            failed: Attributes = {MODEL: self._model, self._kit.names.error_type: classify_exception(error).code}
            tell(self.span, "lightagent.model.failed", {**failed, **server}, time.time())

    def _learn(self, told: Attributes) -> None:
        told = plain_attributes(told)
        attributes = {**self._base.attributes, **told}
        measured = measured_attributes(self._kit.names, attributes)
        self._base = self._base._replace(attributes=attributes, measured=measured)
        self.span.set_attributes(told)

    def answered(self) -> None:
        self._entered.leave()

    def ended(self, end: ReplyEnd | None, error: LightAgentErrorInfo | None, at: float) -> None:
        if this_task() is self._task:
            self._end(end or ReplyEnd(), error, at, {})
        else:  # The garbage collector has closed the stream; its error is not the model's.
            later(partial(self._end, end or ReplyEnd(), None, at, {}))

    def replied(self, event: ModelReplied) -> None:
        """Record the answer, and end the span."""
        told: Attributes = {}
        texts: Mapping[str, str] | None = None
        kit = self._kit
        if self._streams and event.first_delta is not None:
            told[kit.names.time_to_first_chunk] = event.first_delta
            kit.metrics.first_chunk(event.first_delta, self._base.measured, event)
        if self._is_shown or kit.content.as_events:
            reply = kit.content.reply(event.message, event.finish_reason)
            self._said.update(reply)
            texts = reply if kit.content.on_spans else None
        self._end(event, None, event.at, told, texts)

    def failed(self, event: ModelFailed) -> None:
        """End the span of an attempt that failed, or that the caller cancelled, which is not recorded as an error."""
        error = None if isinstance(event.ends, Cancelled) else event.error
        self._end(ReplyEnd(usage=event.usage), error, event.at, {})

    def cut_off(self, at: float) -> None:
        """End the span of an attempt whose end was not reported before the run ended."""
        self._end(ReplyEnd(), None, at, {})

    def _end(
        self,
        reply: Reply,
        error: LightAgentErrorInfo | None,
        at: float,
        told: Attributes,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        if self.is_over:
            return
        self.is_over = True
        kit = self._kit
        error_type = "" if error is None else error.code
        told.update(reply_attributes(kit.names, reply))
        if (cost := self._costs.add(reply.usage, self._model, reply.model)) is not None:
            told[COST] = cost
        if error is not None and self._is_shown:
            texts = kit.error_message(error.message)
        if kit.content.as_events:
            self._tell(error, at, told)
        end(self.span, at, error_type, names=kit.names, attributes=told, texts=texts)
        kit.metrics.request(at - self._began, self._base.measured, reply, error_type)

    def _tell(self, error: LightAgentErrorInfo | None, at: float, told: Attributes) -> None:
        """Emit the content of the request and the answer, and the error if there is one, as events."""
        kit, names = self._kit, self._kit.names
        found = {**self._base.attributes, **plain_attributes({**self._own, **told})}
        if error is not None:
            found[names.error_type] = plain_name(error.code)
            said = kit.content.error(error.message)
            self._emit(names.exception_event, exception_details(names, error.code, said), at)
        self._emit(names.details_event, details(names, found, self._said), at)

    def _emit(self, name: str, told: Mapping[str, AnyValue], at: float) -> None:
        kit, context = self._kit, inside(self.span, Context())
        emit(kit.names, name, told, context, at=nanoseconds(at), provider=kit.loggers)


def _at_start(kit: Kit, request: ChatRequest, aside: SideRequest | None) -> Attributes:
    names, origin = kit.names, request.origin
    found = request_parameters(names, request.params) if request.params else Attributes()
    if request.stream:
        found[names.request_stream] = True
    if aside is not None:
        found[ASIDE] = aside.name
    else:
        found[TURN] = origin.turn
        if origin.attempt > 1:
            found[ATTEMPT] = origin.attempt
    return found
