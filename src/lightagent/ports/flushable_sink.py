"""The port to telemetry that waits to be sent."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lightagent.ports.telemetry import TelemetrySink


@runtime_checkable
class FlushableSink(TelemetrySink, Protocol):
    """A sink that sends later what it has seen, and can be asked to do it now."""

    def flush(self, timeout: float) -> bool:
        """Send what waits.

        Args:
            timeout: seconds after which it returns, whether or not everything was sent.

        Returns:
            Whether everything was sent.
        """
        ...


@runtime_checkable
class ProbedSink(FlushableSink, Protocol):
    """A sink that can send something for a try, and knows what was lost."""

    @property
    def losses(self) -> str:
        """What could not be sent, in a line; empty where nothing is known to be lost."""
        ...

    def probe(self, timeout: float) -> str:
        """Send something at once.

        Args:
            timeout: seconds after which it returns, whatever came of it.

        Returns:
            Why it could not be sent; empty where it was.
        """
        ...
