"""The port to telemetry: it sees what happens, and never influences it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lightagent.domain.events import Event
from lightagent.domain.origin import Origin, TraceHeaders


class RunWatch(Protocol):
    """Watches one run in this process."""

    def see(self, event: Event) -> None:
        """One event, after it is on record and before the run goes on. Neither waits nor raises."""
        ...

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """Headers that link what the run asks of another process to its trace; empty where there are none."""
        ...


class TelemetrySink(Protocol):
    """Where telemetry goes. Serves any number of runs at once."""

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        """Begin to watch a run, in the context of its caller.

        Args:
            origin: the run.
            known: for a run that is resumed, the events that were seen before; the watch does not see them again.
        """
        ...
