"""Reports a run to its telemetry sinks. A sink that raises gets no more events; the run never fails for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from typing_extensions import TypeIs

from lightagent.application.active_run.means import Means
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.conversation.deltas import ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import raised_place
from lightagent.domain.network.http_calls import is_header_name
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.runs.events import Event, RunStarted
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import Asking, CurrentSpans, RunWatch, SideRequest, TelemetrySink, TracingSink

_LOGGER: Final = logging.getLogger("lightagent")
_W3C: Final = frozenset({"traceparent", "tracestate"})
"""The headers that nearly every sink gives."""

_FAILED: Final = "%s failed; it sees no more of this run. It raised %s."


def watchers_of(means: Means[DepsT]) -> Watchers | None:
    """The watchers of a run that is about to be made, in the context of its caller; None without telemetry."""
    ambient = None if means.ambient_sink is None else means.ambient_sink()
    sinks = means.sinks if ambient is None else (ambient, *means.sinks)
    return Watchers(sinks) if sinks else None


class Watchers(CurrentSpans):
    """The watches of one run in this process.

    Args:
        sinks: of the agent. Those that make spans see at once where the run is called from.

    Attributes:
        trace_id: of the trace that the run is called in; empty where no sink knows of one.
        spans: where the run reports which spans are to be current; None if no sink makes spans.
        is_late: the garbage collector ends the run: what makes spans is shown the rest as `CurrentSpans.see_later`.
    """

    __slots__ = ("_sinks", "_spans", "_watches", "is_late", "spans", "trace_id")

    def __init__(self, sinks: Sequence[TelemetrySink]) -> None:
        self.trace_id: str = ""
        self.is_late: bool = False
        self.spans: CurrentSpans | None = None
        self._sinks: list[TelemetrySink] = []
        self._watches: list[RunWatch] = []
        self._spans: list[CurrentSpans] = []
        for sink in sinks:
            try:
                self._sinks.append(self._prepared(sink))
            except FAILURES as raised:  # Sinks are foreign code: their errors must not reach the run.
                _LOGGER.error(_FAILED, type(sink).__name__, raised_place(failure(raised)))

    def _prepared(self, sink: TelemetrySink) -> TelemetrySink:
        if not is_tracing(sink):
            return sink
        prepared = sink.prepare()
        found: object = prepared.trace_id
        if isinstance(found, str) and not self.trace_id:
            self.trace_id = found
        return prepared

    def other_trace(self, started: RunStarted) -> str:
        """The id of the trace that the run is called in, if its caller knows it by another one; otherwise empty."""
        return "" if self.trace_id == started.trace_id.lower() else self.trace_id

    def begin(self, origin: Origin, known: Sequence[Event]) -> None:
        """Begin to watch, at the first step; `known` are the events that were seen before."""
        for sink in self._sinks:
            try:
                watch = sink.watch(origin, known)
                self._watches.append(watch)
                if _has_spans(watch):
                    self._spans.append(watch)
                    self.spans = self
            except FAILURES as raised:  # As above.
                _LOGGER.error(_FAILED, type(sink).__name__, raised_place(failure(raised)))

    def see(self, event: Event) -> None:
        """Show one event."""
        for watch in self._watches:  # Dropping one makes another list.
            try:
                if self.is_late and _has_spans(watch):
                    watch.see_later(event)
                else:
                    watch.see(event)
            except FAILURES as raised:  # As above.
                self.drop(watch, raised)

    def see_later(self, event: Event) -> None:
        """Show one event of a run that the garbage collector ends."""
        self.is_late = True
        self.see(event)

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """Headers that link a request to the traces of all sinks.

        A sink whose headers could not be sent is dropped: the request must not fail over them.
        """
        return self._headers(None, origin)

    def call_headers(self, path: tuple[str, ...], origin: Origin) -> TraceHeaders:
        """The same for a call."""
        return self._headers(path, origin)

    def _headers(self, call: tuple[str, ...] | None, origin: Origin) -> TraceHeaders:
        headers: TraceHeaders = ()
        for watch in self._watches:
            try:
                if call is not None and _has_spans(watch):
                    headers += _checked(watch.call_headers(call, origin))
                else:
                    headers += _checked(watch.trace_headers(origin))
            except FAILURES as raised:  # As above.
                self.drop(watch, raised)
        return headers

    def ask(
        self, request: ChatRequest, at: float, aside: SideRequest | None = None, prices: PriceTable = NO_PRICES
    ) -> Asking:
        """An attempt at a request begins; see `CurrentSpans`."""
        asked: list[tuple[CurrentSpans, Asking]] = []
        for spans in self._spans:
            try:
                asked.append((spans, spans.ask(request, at, aside, prices)))
            except FAILURES as raised:  # As above.
                self.drop(spans, raised)
        return _WatchedAttempt(self, asked)

    def enter_run(self, path: tuple[str, ...], at: float) -> Callable[[], None]:
        """The spans of a run are current from now on; see `CurrentSpans`."""
        return self._enter(lambda spans: spans.enter_run(path, at))

    def enter_logs(self) -> Callable[[], None]:
        """Lines about the run are logged from now on; see `CurrentSpans`."""
        return self._enter(lambda spans: spans.enter_logs())

    @contextmanager
    def logging(self) -> Iterator[None]:
        """The same for as long as a block goes on."""
        leave = self.enter_logs()
        try:
            yield
        finally:
            leave()

    def _enter(self, enter: Callable[[CurrentSpans], Callable[[], None]]) -> Callable[[], None]:
        leave: list[tuple[CurrentSpans, Callable[[], None]]] = []
        for spans in self._spans:
            try:
                leave.append((spans, enter(spans)))
            except FAILURES as raised:  # As above.
                self.drop(spans, raised)
        return partial(self._leave, leave)

    def _leave(self, leave: list[tuple[CurrentSpans, Callable[[], None]]]) -> None:
        for spans, left in reversed(leave):
            try:
                left()
            except FAILURES as raised:  # As above.
                self.drop(spans, raised)

    def enter_tool(self, path: tuple[str, ...], at: float, spec: ToolSpec | None = None) -> None:
        """A call begins in a context of its own; see `CurrentSpans`."""
        for spans in self._spans:
            try:
                spans.enter_tool(path, at, spec)
            except FAILURES as raised:  # As above.
                self.drop(spans, raised)

    def drop(self, watch: object, raised: BaseException) -> None:
        """Show no more to a watch that raised."""
        self._watches = [one for one in self._watches if one is not watch]
        self._spans = [one for one in self._spans if one is not watch]
        self.spans = self if self._spans else None
        _LOGGER.error(_FAILED, type(watch).__name__, raised_place(failure(raised)))


class _WatchedAttempt(Asking):
    """One attempt, as all watches that make spans have it."""

    __slots__ = ("_asked", "_watchers")

    def __init__(self, watchers: Watchers, asked: list[tuple[CurrentSpans, Asking]]) -> None:
        self._watchers = watchers
        self._asked = asked

    def answered(self) -> None:
        for spans, asked in reversed(self._asked):  # Spans are left in reverse order.
            try:
                asked.answered()
            except FAILURES as raised:  # As above.
                self._drop(spans, raised)

    def ended(self, end: ReplyEnd | None, error: LightAgentErrorInfo | None, at: float) -> None:
        for spans, asked in reversed(self._asked):
            try:
                asked.ended(end, error, at)
            except FAILURES as raised:  # As above.
                self._drop(spans, raised)

    def _drop(self, spans: CurrentSpans, raised: BaseException) -> None:
        self._asked = [one for one in self._asked if one[0] is not spans]
        self._watchers.drop(spans, raised)


def is_tracing(sink: TelemetrySink) -> TypeIs[TracingSink]:
    """Whether a sink wants to see where runs are called from; its properties, which are foreign code, are not asked."""
    return callable(getattr(type(sink), "prepare", None))


def _has_spans(watch: object) -> TypeIs[CurrentSpans]:
    """Whether a watch makes spans."""
    kind = type(watch)
    return callable(getattr(kind, "ask", None)) and callable(getattr(kind, "enter_tool", None))


def _checked(headers: object) -> TraceHeaders:
    """The headers that a sink gave, checked against their type.

    Raises:
        TypeError, ValueError: they are not pairs of texts, or are not valid HTTP headers.
    """
    if not isinstance(headers, (list, tuple)):
        raise TypeError(f"trace_headers gave {type(headers).__name__}; give a tuple of (name, value) pairs.")
    return tuple([_header(pair) for pair in headers]) if headers else ()


def _header(pair: object) -> tuple[str, str]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError("trace_headers gave what is no (name, value) pair; give a tuple of such pairs.")
    name, value = pair
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError("trace_headers gave a name or value that is not text; give a tuple of (str, str) pairs.")
    if not (name in _W3C or is_header_name(name)) or not (value.isascii() and value.isprintable()):
        raise ValueError(f"trace_headers gave {name!r}, which no HTTP header can hold; use printable ASCII.")
    return name, value
