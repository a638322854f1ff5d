"""The chat spans: one an attempt at a request to a model, current from its beginning until the first delta."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AnyValue

from lightagent.adapters.telemetry.otel.attributes import (
    asked_attributes,
    asked_server,
    chat_attributes,
    measured_attributes,
    reply_attributes,
    request_parameters,
)
from lightagent.adapters.telemetry.otel.content_events import DETAILS, EXCEPTION, details, emit, exception_details
from lightagent.adapters.telemetry.otel.costs import RunCosts
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.names import ASIDE, ATTEMPT, CHAT, COST, MODEL, TURN, Names
from lightagent.adapters.telemetry.otel.other_tracers import told_to_others
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes, plain_name
from lightagent.adapters.telemetry.otel.spans import Entered, end, inside, nanoseconds, tell
from lightagent.adapters.telemetry.otel.waiting_spans import later, this_task
from lightagent.aiokits.told_work import Ended, Fact
from lightagent.domain.agent_heads import AgentHead
from lightagent.domain.deltas import ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.events import ModelFailed, ModelReplied
from lightagent.domain.outcomes import Cancelled
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import AskedAside, Asking


class ChatBase(NamedTuple):
    """What all requests of an agent in one run have.

    Attributes:
        model: the name of the model as the agent has it.
        title: the name of their spans.
        attributes: of their spans.
        measured: of their measurements.
    """

    model: str
    title: str
    attributes: Attributes
    measured: Attributes


def chat_base(names: Names, head: AgentHead, owner: Attributes) -> ChatBase:
    """What all requests of an agent have, in a run whose spans all have `owner`."""
    attributes = plain_attributes(chat_attributes(names, head, owner))
    return ChatBase(head.model, f"{CHAT} {head.model}", attributes, measured_attributes(names, attributes))


class AttemptSpan(Asking):
    """One attempt, from the moment at which its request is sent.

    Args:
        kit: makes the span and records the measurements.
        base: what all requests of the agent have.
        parent: the context of the agent's span.
        request: what is asked.
        at: when.
        aside: what is asked for beside the conversation; None for a turn of it.
        costs: of the run, to which those of the attempt are added.
    """

    __slots__ = (
        "_attributes",
        "_began",
        "_costs",
        "_entered",
        "_kit",
        "_measured",
        "_model",
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
        aside: AskedAside | None,
        costs: RunCosts,
    ) -> None:
        self._kit, self._measured, self._began, self._streams = kit, base.measured, at, request.stream
        self._model, self._costs = base.model, costs
        self.is_over = False
        self._task = None if aside is None else this_task()
        self._attributes = _at_start(kit, base.attributes, request, aside)
        self.span: Span = kit.spans.start(base.title, parent, SpanKind.CLIENT, self._attributes, at)
        self._said: dict[str, str] = {}
        if self._is_shown or kit.content.as_events:
            self._said = dict(kit.content.request(request.messages, request.tools))
        if self._is_shown:
            self.span.set_attributes(self._said)
        # Last of all: were anything above to raise, nobody would leave it.
        self._entered = Entered(told_to_others(inside(self.span, otel_context.get_current()), CHAT))

    @property
    def _is_shown(self) -> bool:
        """Whether the span holds texts."""
        return self._kit.content.on_spans and self.span.is_recording()

    def asked(self, facts: Mapping[str, Fact]) -> Ended:
        """Tell which of several models is asked, and where; what this gives takes why it failed, if it did."""
        names = self._kit.names
        self._model = str(facts.get("name") or self._model)
        self.span.update_name(plain_name(f"{CHAT} {self._model}"))
        self._learn(asked_attributes(names, self._model, facts))
        return partial(self._asked_one, asked_server(names, facts))

    def _asked_one(self, server: Attributes, error: BaseException | None) -> None:
        """It begins to answer, or does not. A span cannot forget, so where it is gets told only once it answers."""
        if error is None:
            self._learn(server)
        elif isinstance(error, Exception) and self.span.is_recording():
            failed: Attributes = {MODEL: self._model, self._kit.names.error_type: classify_exception(error).code}
            tell(self.span, "lightagent.model.failed", {**failed, **server}, time.time())

    def _learn(self, told: Attributes) -> None:
        told = plain_attributes(told)
        self._attributes = {**self._attributes, **told}
        self._measured = measured_attributes(self._kit.names, self._attributes)
        self.span.set_attributes(told)

    def answered(self) -> None:
        self._entered.leave()

    def ended(self, end: ReplyEnd | None, error: LightAgentErrorInfo | None, at: float) -> None:
        if this_task() is self._task:
            self._end(end or ReplyEnd(), error, at, {})
        else:  # The garbage collector ends it, whose errors are not the model's.
            later(partial(self._end, end or ReplyEnd(), None, at, {}))

    def replied(self, event: ModelReplied) -> None:
        """The attempt has an answer."""
        told, reply = Attributes(), dict[str, str]()
        kit, end = self._kit, ReplyEnd(event.finish_reason, event.usage, event.model, event.response_id)
        if self._streams and event.first_delta is not None:
            told[kit.names.time_to_first_chunk] = event.first_delta
            kit.metrics.first_chunk(event.first_delta, self._measurement(end))
        if self._is_shown or kit.content.as_events:
            reply = dict(kit.content.reply(event.message, event.finish_reason))
            self._said.update(reply)
        self._end(end, None, event.at, told, reply if kit.content.on_spans else {})

    def failed(self, event: ModelFailed) -> None:
        """The attempt failed, or was given up because its caller left, which is no error."""
        error = None if isinstance(event.ends, Cancelled) else event.error
        self._end(ReplyEnd(usage=event.usage), error, event.at, {})

    def cut_off(self, at: float) -> None:
        """The run is over, and nothing told how the attempt ended."""
        if not self.is_over:  # As a rule it is, when its run is.
            self._end(ReplyEnd(), None, at, {})

    def _end(
        self,
        reply: ReplyEnd,
        error: LightAgentErrorInfo | None,
        at: float,
        told: Attributes,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        if self.is_over:
            return
        self.is_over = True
        kit, names = self._kit, self._kit.names
        error_type, measured = "" if error is None else error.code, self._measurement(reply)
        told = plain_attributes({**told, **reply_attributes(names, reply)})
        if (cost := self._costs.add(reply.usage, self._model, reply.model)) is not None:
            told[COST] = cost
        if error is not None and self._is_shown:
            texts = kit.error_message(error.message)
        if kit.content.as_events:
            self._tell(error, at, told)
        end(self.span, at, error_type, names=names, attributes=told, texts=texts)
        kit.metrics.operation(at - self._began, measured, error_type)
        if reply.usage is not None:
            kit.metrics.tokens(reply.usage, measured)

    def _measurement(self, end: ReplyEnd) -> Attributes:
        """What the measurements of the attempt have."""
        if not end.model:
            return self._measured
        return {**self._measured, self._kit.names.response_model: plain_name(end.model)}

    def _tell(self, error: LightAgentErrorInfo | None, at: float, told: Attributes) -> None:
        """Tell what was asked and said, and what went wrong, as events."""
        kit = self._kit
        found = {**plain_attributes(self._attributes), **told}
        if error is not None:
            found[kit.names.error_type] = plain_name(error.code)
            said = kit.content.error(error.message)
            self._emit(EXCEPTION, exception_details(error.code, said), at)
        self._emit(DETAILS, details(found, self._said), at)

    def _emit(self, name: str, told: Mapping[str, AnyValue], at: float) -> None:
        kit, context = self._kit, inside(self.span, Context())
        schema = kit.names.schema_url
        emit(name, told, context, at=nanoseconds(at), provider=kit.loggers, schema_url=schema)


def _at_start(kit: Kit, base: Attributes, request: ChatRequest, aside: AskedAside | None) -> Attributes:
    names, origin = kit.names, request.origin
    found = {**base, **request_parameters(names, request.params)} if request.params else {**base}
    if request.stream:
        found[names.request_stream] = True
    if aside is not None:
        found[ASIDE] = aside.name
    else:
        found[TURN] = origin.turn
        if origin.attempt > 1:
            found[ATTEMPT] = origin.attempt
    return found
