"""Time and identity that a test decides."""

from __future__ import annotations

from itertools import count

from lightagent.ports.system import Clock, IdSource


class ManualClock(Clock):
    """Time that stands still until `advance` moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._passed = 0.0

    def now(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if seconds < 0:
            raise ValueError(f"Time does not go back: advance({seconds}).")
        self._passed += seconds


class SequentialIds(IdSource):
    """1, 2, 3 … as 32 hexadecimal digits; safe to share between threads."""

    def __init__(self, start: int = 1) -> None:
        self._numbers = count(start)

    def new(self) -> str:
        return f"{next(self._numbers):032x}"
