"""The part of the port to telemetry that is about flows: it sees what happens, and never influences it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import FlowEvent


@dataclass(frozen=True, slots=True)
class FlowEnd:
    """How a run of a flow was left by this process.

    Attributes:
        status: of the run, such as ``success`` or ``waiting_approval``; ``interrupted`` if it was left in the middle.
        content: what it came to.
        error: why it failed.
        at: when, in seconds since 1970.
    """

    status: str
    content: str = ""
    error: LightAgentErrorInfo | None = None
    at: float = 0.0


class FlowWatch(Protocol):
    """Watches one run of a flow in this process."""

    def see(self, event: FlowEvent) -> None:
        """One event, after it is on record and before what follows from it begins. Neither waits nor raises."""
        ...

    def enter_flow(self, at: float) -> Callable[[], None]:
        """The span of the run is current from now on, until what this gives is called.

        Args:
            at: when, in seconds since 1970.
        """
        ...

    def enter_step(self, path: str, at: float) -> Callable[[], None]:
        """An attempt at a step is made from now on, in a context of its own, in which its span is current."""
        ...

    def left(self, end: FlowEnd) -> None:
        """The run has ended, waits, or was interrupted; nothing more of it is shown."""
        ...

    def enter_logs(self) -> Callable[[], None]:
        """Lines about the run are logged from now on, until what this gives is called."""
        ...


class FlowSink(Protocol):
    """What a sink, or what `TracingSink.prepare` gives, has besides where it sees flows."""

    def watch_flow(self, known: Sequence[FlowEvent]) -> FlowWatch:
        """Begin to watch a run of a flow.

        Args:
            known: for a run that is resumed, the events that were seen before; the watch does not see them again.
        """
        ...
