"""Starts and ends spans with one tracer: their parents, ids, times and headers."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextvars import Token
from hashlib import sha256
from typing import Final, Protocol, runtime_checkable

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation import set_span_in_context

from lightagent.adapters.telemetry.otel.attribute_names import Names
from lightagent.adapters.telemetry.otel.plain_values import Attributes, Value, plain_attributes, plain_name
from lightagent.domain.origin import TraceHeaders

_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")

_NONE: Final[Attributes] = {}

_FAILED: Final = Status(StatusCode.ERROR)
"""Without a description: it would be content."""


class _Ids(Protocol):
    """What makes the ids of the SDK's spans."""

    def generate_span_id(self) -> int: ...

    def generate_trace_id(self) -> int: ...


@runtime_checkable
class _HasIds(Protocol):
    """A tracer whose ids come from a generator that can be replaced, as the SDK's does."""

    id_generator: _Ids


class RunIds(_Ids):
    """Makes the ids of our tracer's spans: those that were chosen for the next span of this thread, else as before.

    The API has no way to choose an id, and an application's generator is its own. A tracer of the SDK has one as a
    public attribute, which can be replaced on ours alone.
    """

    def __init__(self, inner: _Ids) -> None:
        self._inner = inner
        self._next = threading.local()

    def choose(self, trace_id: int, span_id: int) -> None:
        """Choose the ids of the next span of this thread; 0 leaves one to chance, and both what was chosen before."""
        self._next.trace_id, self._next.span_id = trace_id, span_id

    def generate_span_id(self) -> int:
        """The id of the next span."""
        return getattr(self._next, "span_id", 0) or self._inner.generate_span_id()

    def generate_trace_id(self) -> int:
        """The id of the trace of the next span that has no parent."""
        return getattr(self._next, "trace_id", 0) or self._inner.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """Whether a trace id is random by the W3C's rules; that is unknown for an id that was chosen."""
        if getattr(self._next, "trace_id", 0):
            return False
        told: object = getattr(self._inner, "is_trace_id_random", None)
        return bool(told()) if callable(told) else False


_CHOOSING: Final = threading.Lock()


def _run_ids(tracer: Tracer) -> RunIds | None:
    """The generator of a tracer as one that can be told ids; None where a tracer has none to replace."""
    with _CHOOSING:  # Two sinks of one provider share its tracer.
        if not isinstance(tracer, _HasIds):
            return None
        if not isinstance(tracer.id_generator, RunIds):
            tracer.id_generator = RunIds(tracer.id_generator)
        return tracer.id_generator


class Spans:
    """Starts spans.

    Args:
        tracer: of the application's provider.
        names: of the attributes.
    """

    def __init__(self, tracer: Tracer, names: Names) -> None:
        self.names = names
        self._tracer = tracer
        self._ids = _run_ids(tracer)

    @property
    def chooses_ids(self) -> bool:
        """Whether ids of spans can be chosen."""
        return self._ids is not None

    def start(
        self,
        name: str,
        parent: Context,
        kind: SpanKind,
        attributes: Mapping[str, Value],
        at: float,
        links: Sequence[Link] = (),
        base: Attributes = _NONE,
    ) -> Span:
        """A span below the one of `parent`, begun at `at` seconds since 1970.

        Args:
            attributes: of this span alone.
            base: those that are the same for many spans, and plain already.
        """
        plain = {**base, **plain_attributes(attributes)}
        return self._tracer.start_span(plain_name(name), parent, kind, plain, links, nanoseconds(at))

    def start_chosen(
        self,
        name: str,
        parent: Context,
        attributes: Mapping[str, Value],
        at: float,
        links: Sequence[Link],
        ids: tuple[int, int],
        base: Attributes = _NONE,
    ) -> Span:
        """A span with these ids of its trace, if it has no parent, and of its own; 0 leaves one to chance."""
        if self._ids is None:
            return self.start(name, parent, SpanKind.INTERNAL, attributes, at, links, base)
        self._ids.choose(*ids)
        try:
            return self.start(name, parent, SpanKind.INTERNAL, attributes, at, links, base)
        finally:
            self._ids.choose(0, 0)


def end(
    span: Span,
    at: float,
    error_type: str = "",
    *,
    names: Names,
    attributes: Attributes | None = None,
    texts: Mapping[str, str] | None = None,
) -> None:
    """End a span, and not before it began, though a clock may have been set back meanwhile.

    Args:
        error_type: why it failed; empty if it did not.
        attributes: what was not known at its start.
        texts: the same of content, which is as long as its own limits say.
    """
    if span.is_recording():
        told: Attributes = plain_attributes(attributes) if attributes else {}
        if error_type:
            told[names.error_type] = plain_name(error_type)
            span.set_status(_FAILED)
        if texts:
            told.update(texts)
        if told:
            span.set_attributes(told)
    began: object = getattr(span, "start_time", None)  # Of the SDK; the API knows no such thing.
    moment = nanoseconds(at)
    span.end(max(moment, began) if isinstance(began, int) else moment)


def tell(span: Span, name: str, attributes: Attributes, at: float) -> None:
    """Add an event to a span."""
    span.add_event(plain_name(name), plain_attributes(attributes), nanoseconds(at))


def nanoseconds(at: float) -> int:
    """Seconds since 1970 as OpenTelemetry counts them."""
    return int(at * 1e9)


def inside(span: Span, context: Context) -> Context:
    """A context in which a span is current."""
    return set_span_in_context(span, context)


class Entered:
    """A context that is current until it is left.

    It is left where it was entered. A stream that the garbage collector closes does so elsewhere, where nothing of it
    is current, and OpenTelemetry would log that it cannot be taken back there.

    Other code may not keep to the order: a model that holds a span of its own current while it gives its answer in
    pieces puts back what it found, which is ours, when its generator is closed.
    """

    __slots__ = ("_context", "_is_left", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token: Token[Context] = otel_context.attach(context)
        self._is_left = False

    def leave(self) -> None:
        """Have what was current before, whatever is by now. Telling it again does so where ours was put back."""
        token, was_left, self._is_left = self._token, self._is_left, True
        if not was_left:
            try:
                token.var.reset(token)
            except ValueError:  # Elsewhere.
                return
        elif otel_context.get_current() is self._context:
            before = token.old_value
            otel_context.attach(before if isinstance(before, Context) else Context())


def headers_of(span: Span) -> TraceHeaders:
    """The W3C headers that make another process's spans children of this one; none without a valid span."""
    context = span.get_span_context()
    if not context.is_valid:
        return ()
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    state = context.trace_state
    return (("traceparent", parent), ("tracestate", state.to_header())) if state else (("traceparent", parent),)


def trace_number(trace_id: str) -> int:
    """A run's trace id as that of a trace, whatever the case; 0 where it is not the 32 hexadecimal digits of one."""
    return int(trace_id, 16) if len(trace_id) == 32 and _HEXADECIMAL.issuperset(trace_id) else 0


def span_number(run_id: str) -> int:
    """The id of the first span of a run, from which another process finds it again."""
    return int.from_bytes(sha256(run_id.encode()).digest()[:8], "big") or 1


def link_to_first(run_id: str, trace_id: str) -> Link | None:
    """A link to the first span of a run that was suspended, maybe in another process."""
    number = trace_number(trace_id)
    if not number:
        return None
    return Link(SpanContext(number, span_number(run_id), True, TraceFlags(TraceFlags.SAMPLED)))
