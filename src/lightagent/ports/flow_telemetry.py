"""The part of the port to telemetry that is about flows: it sees what happens, and never influences it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import FlowEvent


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """The state in which this process left a run of a flow.

    Attributes:
        status: the status of the run, such as ``success`` or ``waiting_approval``; ``interrupted`` if it was left
            unfinished.
        content: the result.
        error: why it failed.
        at: the time, in seconds since 1970.
    """

    status: str
    content: str = ""
    error: LightAgentErrorInfo | None = None
    at: float = 0.0


class FlowWatch(Protocol):
    """Watches one run of a flow in this process."""

    def see(self, event: FlowEvent) -> None:
        """Take an event that was recorded, before its consequences begin. Must neither block nor raise."""
        ...

    def enter_flow(self, at: float) -> Callable[[], None]:
        """Make the span of the run current, until the returned function is called.

        Args:
            at: the time, in seconds since 1970.
        """
        ...

    def enter_step(self, path: str, at: float) -> Callable[[], None]:
        """An attempt at a step begins in its own context; make its span current in it."""
        ...

    def left(self, end: FlowEnd) -> None:
        """The run has ended, waits, or was interrupted; the watch gets no further events."""
        ...

    def enter_logs(self) -> Callable[[], None]:
        """Lines about the run are logged from now on, until the returned function is called."""
        ...


class FlowSink(Protocol):
    """What a sink, or what `TracingSink.prepare` gives, has besides where it sees flows."""

    def watch_flow(self, known: Sequence[FlowEvent]) -> FlowWatch:
        """Start to watch a run of a flow.

        Args:
            known: for a run that is resumed, the events that were seen before; the watch does not see them again.
        """
        ...


class ElsewhereSink(FlowSink, Protocol):
    """What a sink of flows has besides where it sees runs that one process calls, while others carry out the steps.

    Without it the caller's process sees all of such a run, and the others nothing.
    """

    def watch_called(self, known: Sequence[FlowEvent]) -> FlowWatch:
        """Start to watch a run that this process calls; its steps are seen where they are carried out."""
        ...

    def watch_attempt(self, known: Sequence[FlowEvent]) -> FlowWatch:
        """Start to watch an attempt at a step; the run itself is seen by its caller, whose context is the current one.

        Args:
            known: the events of the run, which the watch does not see again.
        """
        ...
