"""Reports a run of a flow to telemetry sinks. A sink that raises gets no more events; the run never fails for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from typing_extensions import TypeIs

from lightagent.application.active_run.watch_run import is_tracing
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.error_mapping import raised_place
from lightagent.domain.flow.events import FlowEvent
from lightagent.ports.flow_telemetry import ElsewhereSink, FlowEnd, FlowSink, FlowWatch
from lightagent.ports.telemetry import TelemetrySink

_LOGGER: Final = logging.getLogger("lightagent")
_FAILED: Final = "%s failed; it sees no more of this flow. It raised %s."


class FlowWatchers:
    """The watches of one run of a flow. Those that make spans see at once where the run is called from.

    Args:
        sinks: of the flow; those that do not watch flows see nothing of it.

    Attributes:
        trace_id: of the trace that the run is called in; empty where no sink knows of one.
    """

    def __init__(self, sinks: Sequence[TelemetrySink]) -> None:
        self.trace_id: str = ""
        self._all = tuple(sinks)
        self._sinks: list[FlowSink] = []
        self._watches: list[FlowWatch] = []
        for sink in sinks:
            try:
                self._add(sink)
            except FAILURES as raised:  # Sinks are foreign code: their errors must not reach the run.
                _LOGGER.error(_FAILED, type(sink).__name__, raised_place(failure(raised)))

    def _add(self, sink: TelemetrySink) -> None:
        prepared: object = sink
        if is_tracing(sink):
            made = sink.prepare()
            found: object = made.trace_id
            if isinstance(found, str) and not self.trace_id:
                self.trace_id = found
            prepared = made
        if _sees_flows(prepared):
            self._sinks.append(prepared)

    def below(self) -> FlowWatchers:
        """The watches of a run that is a step of this one, in whose context this is called."""
        return FlowWatchers(self._all)

    def begin(self, known: Sequence[FlowEvent]) -> None:
        """Begin to watch; `known` are the events that were seen before."""
        self._begin(lambda sink: sink.watch_flow(known))

    def begin_called(self, known: Sequence[FlowEvent]) -> None:
        """Begin to watch a run that this process calls, while others carry out its steps; see `ElsewhereSink`."""
        self._begin(lambda sink: sink.watch_called(known) if _sees_elsewhere(sink) else sink.watch_flow(known))

    def begin_attempt(self, known: Sequence[FlowEvent]) -> None:
        """Begin to watch an attempt of a run that another process calls; see `ElsewhereSink`."""
        self._begin(lambda sink: sink.watch_attempt(known) if _sees_elsewhere(sink) else None)

    def _begin(self, watch: Callable[[FlowSink], FlowWatch | None]) -> None:
        for sink in self._sinks:
            try:
                begun = watch(sink)
            except FAILURES as raised:  # As above.
                _LOGGER.error(_FAILED, type(sink).__name__, raised_place(failure(raised)))
            else:
                self._watches += [] if begun is None else [begun]

    def see(self, event: FlowEvent) -> None:
        """Show one event."""
        for watch in self._watches:  # Dropping one makes another list.
            try:
                watch.see(event)
            except FAILURES as raised:  # As above.
                self._drop(watch, raised)

    def left(self, end: FlowEnd) -> None:
        """The run has ended, waits, or was interrupted."""
        for watch in self._watches:
            try:
                watch.left(end)
            except FAILURES as raised:  # As above.
                self._drop(watch, raised)

    def enter_flow(self, at: float) -> Callable[[], None]:
        """The spans of the run are current from now on; see `FlowWatch`."""
        return self._enter(lambda watch: watch.enter_flow(at))

    def enter_step(self, path: str, at: float) -> Callable[[], None]:
        """The spans of an attempt are current from now on; see `FlowWatch`."""
        return self._enter(lambda watch: watch.enter_step(path, at))

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Lines about the run are logged as long as a block goes on."""
        leave = self._enter(lambda watch: watch.enter_logs())
        try:
            yield
        finally:
            leave()

    def _enter(self, enter: Callable[[FlowWatch], Callable[[], None]]) -> Callable[[], None]:
        leave: list[tuple[FlowWatch, Callable[[], None]]] = []
        for watch in self._watches:
            try:
                leave.append((watch, enter(watch)))
            except FAILURES as raised:  # As above.
                self._drop(watch, raised)
        return partial(self._leave, leave)

    def _leave(self, leave: list[tuple[FlowWatch, Callable[[], None]]]) -> None:
        for watch, left in reversed(leave):
            try:
                left()
            except FAILURES as raised:  # As above.
                self._drop(watch, raised)

    def _drop(self, watch: FlowWatch, raised: BaseException) -> None:
        self._watches = [one for one in self._watches if one is not watch]
        _LOGGER.error(_FAILED, type(watch).__name__, raised_place(failure(raised)))


def _sees_flows(sink: object) -> TypeIs[FlowSink]:
    """Whether a sink watches flows; its properties, which are foreign code, are not asked."""
    return callable(getattr(type(sink), "watch_flow", None))


def _sees_elsewhere(sink: FlowSink) -> TypeIs[ElsewhereSink]:
    """Whether a sink watches runs of several processes; its properties, which are foreign code, are not asked."""
    return callable(getattr(type(sink), "watch_called", None)) and callable(getattr(type(sink), "watch_attempt", None))
