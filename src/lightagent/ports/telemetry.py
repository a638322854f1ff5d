"""The port to telemetry: it sees what happens, and never influences it.

A sink is two methods long: `TelemetrySink.watch` and, of what that gives, `RunWatch.see` and `RunWatch.trace_headers`.
A sink that makes spans has more to do, and adds what it needs: `TracingSink` takes part before a run begins, and a
watch with the methods of `CurrentSpans` is told where its spans are to be current.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.conversation.deltas import ReplyEnd
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.runs.events import Event
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest


class RunWatch(Protocol):
    """Watches one run in this process."""

    def see(self, event: Event) -> None:
        """Take an event that was recorded, before the run continues. Must neither block nor raise."""
        ...

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """Headers that link requests of the run to other processes to its trace; empty without tracing."""
        ...


class TelemetrySink(Protocol):
    """A destination of telemetry. Serves any number of runs at once."""

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        """Start to watch a run, at its first step.

        Args:
            origin: the run.
            known: for a run that is resumed, the events that were seen before; the watch does not see them again.
        """
        ...


class PreparedSink(TelemetrySink, Protocol):
    """A sink that has seen where one run is called from."""

    @property
    def trace_id(self) -> str:
        """The id of the trace that the run is called in: 32 hexadecimal digits; empty without a trace."""
        ...


class TracingSink(TelemetrySink, Protocol):
    """A sink that makes spans."""

    def prepare(self) -> PreparedSink:
        """Capture the context of the caller that requests a run, which may begin later or never."""
        ...


@dataclass(frozen=True, slots=True)
class SideRequest:
    """A request to a model beside the conversation.

    Attributes:
        name: the purpose, such as ``summary``.
        model: the name of the model, which need not be the agent's.
        endpoint: the endpoint of that model.
    """

    name: str
    model: str
    endpoint: ModelEndpoint


class Asking(Protocol):
    """One attempt at a request to a model, whose span is current from its beginning until `answered`."""

    def answered(self) -> None:
        """The first delta has arrived, or the attempt is over.

        Telling it again changes nothing unless the span has become current once more: a generator of the model's may
        have put it back.
        """
        ...

    def ended(self, end: ReplyEnd | None, error: LightAgentErrorInfo | None, at: float) -> None:
        """An attempt beside the conversation is over, which is not reported by an event."""
        ...


class CurrentSpans(Protocol):
    """A watch that makes spans: it is also notified of what happens between two events."""

    def ask(
        self, request: ChatRequest, at: float, aside: SideRequest | None = None, prices: PriceTable = NO_PRICES
    ) -> Asking:
        """An attempt begins, in the context in which its model is asked.

        Args:
            request: the request, still without the headers that `RunWatch.trace_headers` returns from now on.
            at: the time, in seconds since 1970.
            aside: the request beside the conversation; None for a turn of it.
            prices: the prices of models in this run.
        """
        ...

    def enter_run(self, path: tuple[str, ...], at: float) -> Callable[[], None]:
        """Make the span of a run current, until the returned function is called.

        That is called before anything is handed to the consumer of a stream, who must not see it, and maybe in another
        context; the run is entered again afterwards. It is called again at the end of the run, which changes nothing
        unless the span has become current once more.

        Args:
            path: the ids of the calls that lead to the run from the outermost one.
            at: when, in seconds since 1970.
        """
        ...

    def enter_tool(self, path: tuple[str, ...], at: float, spec: ToolSpec | None = None) -> None:
        """A call begins in its own context; make its span current in it, for as long as the context exists.

        Args:
            path: the ids of the calls that lead to it from the outermost run, its own the last.
            at: when, in seconds since 1970.
            spec: the declaration of the tool, which a resumed run has not shown in a request yet.
        """
        ...

    def call_headers(self, path: tuple[str, ...], origin: Origin) -> TraceHeaders:
        """Return headers that link requests of a call to other processes to the span of the call.

        Args:
            path: as for `enter_tool`.
            origin: the run that makes the call.
        """
        ...

    def enter_logs(self) -> Callable[[], None]:
        """Lines about the run are logged from now on, until the returned function is called, maybe after its end.

        Its outermost span, ended or not, is current meanwhile, as what puts the ids of spans into lines reads them
        there. Nothing begins meanwhile.
        """
        ...

    def see_later(self, event: Event) -> None:
        """One of the last events of a run that the garbage collector ends, in the middle of anything.

        No lock may be taken here, for the thread may hold it already; what is to be done has to wait for another call.
        """
        ...
