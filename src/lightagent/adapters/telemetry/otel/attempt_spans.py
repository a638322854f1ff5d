"""The chat spans: one an attempt at a request to a model, current from its beginning until the first delta."""

from __future__ import annotations

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from lightagent.adapters.telemetry.otel.attributes import measured_attributes, reply_attributes, request_parameters
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.names import ASIDE, ATTEMPT, CHAT, TURN
from lightagent.adapters.telemetry.otel.other_tracers import told_to_others
from lightagent.adapters.telemetry.otel.spans import Attributes, Entered, end, inside
from lightagent.domain.deltas import ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.events import ModelFailed, ModelReplied
from lightagent.domain.outcomes import Cancelled
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import AskedAside, Asking


class AttemptSpan(Asking):
    """One attempt, from the moment at which its request is sent.

    Args:
        kit: makes the span and records the measurements.
        base: the attributes that all requests of the agent have.
        parent: the context of the agent's span.
        request: what is asked.
        at: when.
        aside: what is asked for beside the conversation; None for a turn of it.
    """

    __slots__ = ("_base", "_began", "_entered", "_kit", "_streams", "is_over", "span")

    def __init__(
        self, kit: Kit, base: Attributes, parent: Context, request: ChatRequest, at: float, aside: AskedAside | None
    ) -> None:
        self._kit, self._base, self._began, self._streams = kit, base, at, request.stream
        self.is_over = False
        attributes = _at_start(kit, base, request, aside)
        name = f"{CHAT} {base[kit.names.request_model]}"
        self.span: Span = kit.spans.start(name, parent, SpanKind.CLIENT, attributes, at)
        self._entered = Entered(told_to_others(inside(self.span, otel_context.get_current()), CHAT))

    def answered(self) -> None:
        self._entered.leave()

    def ended(self, end: ReplyEnd | None, error: LightAgentErrorInfo | None, at: float) -> None:
        self._end(end or ReplyEnd(), "" if error is None else error.code, at)

    def replied(self, event: ModelReplied) -> None:
        """The attempt has an answer."""
        told: Attributes = {}
        kit, end = self._kit, ReplyEnd(event.finish_reason, event.usage, event.model, event.response_id)
        if self._streams and event.first_delta is not None:
            told[kit.names.time_to_first_chunk] = event.first_delta
            kit.metrics.first_chunk(event.first_delta, measured_attributes(kit.names, self._base, end))
        if kit.content.on_spans:
            told.update(kit.content.reply(event.message, event.finish_reason))
        self._end(end, "", event.at, told)

    def failed(self, event: ModelFailed) -> None:
        """The attempt failed, or was given up because its caller left, which is no error."""
        error_type = "" if isinstance(event.ends, Cancelled) else event.error.code
        self._end(ReplyEnd(usage=event.usage), error_type, event.at)

    def cut_off(self, at: float) -> None:
        """The run is over, and nothing told how the attempt ended."""
        self._end(ReplyEnd(), "", at)

    def _end(self, reply: ReplyEnd, error_type: str, at: float, told: Attributes | None = None) -> None:
        if self.is_over:
            return
        self.is_over = True
        kit, names = self._kit, self._kit.names
        measured = measured_attributes(names, self._base, reply)
        if self.span.is_recording():
            end(self.span, at, error_type, names=names, attributes={**(told or {}), **reply_attributes(names, reply)})
        else:
            end(self.span, at, names=names)
        kit.metrics.operation(at - self._began, measured, error_type)
        if reply.usage is not None:
            kit.metrics.tokens(reply.usage, measured)


def _at_start(kit: Kit, base: Attributes, request: ChatRequest, aside: AskedAside | None) -> Attributes:
    names, origin = kit.names, request.origin
    found = {**base, **request_parameters(names, request.params)}
    if request.stream:
        found[names.request_stream] = True
    if aside is not None:
        found[ASIDE] = aside.name
    else:
        found[TURN] = origin.turn
        if origin.attempt > 1:
            found[ATTEMPT] = origin.attempt
    if kit.content.on_spans:
        found.update(kit.content.request(request.messages, request.tools))
    return found
