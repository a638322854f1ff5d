"""Counts the calls of Python functions: a measure of work that no busy machine changes."""

from __future__ import annotations

import sys
from types import FrameType


class CallCount:
    """The calls of Python functions in this thread between `begin` and `end`."""

    def __init__(self) -> None:
        self.calls = 0
        self._counting = False

    def begin(self) -> None:
        """Count from here on."""
        self._counting = True
        sys.setprofile(self._seen)

    def end(self) -> None:
        """Stop counting, if it was begun."""
        if self._counting:
            sys.setprofile(None)
            self._counting = False

    def _seen(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event == "call"
