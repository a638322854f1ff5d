"""The ports to the machine: time and identity."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""
        ...


class IdSource(Protocol):
    """Makes unique names."""

    def new(self) -> str:
        """A new identity: 32 lower-case hexadecimal digits."""
        ...
