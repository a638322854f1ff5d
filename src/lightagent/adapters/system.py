"""The machine's clock and randomness."""

from __future__ import annotations

import os
import time

from lightagent.ports.system import Clock, IdSource


class SystemClock(Clock):
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class RandomIds(IdSource):
    """128 bits of the operating system's randomness, which are unique after a fork and with any seed."""

    __slots__ = ()

    def new(self) -> str:
        return os.urandom(16).hex()
