"""Limits how many items may wait to be exported: further ones are dropped and counted, without blocking the caller."""

from __future__ import annotations

import os
import threading
import weakref

from lightagent.adapters.telemetry.otel.export_report import ExportReport, Kind


class WaitingRoom:
    """Room for items before the SDK's batches, whose own queue drops as well, but without telling how many.

    Args:
        kind: of the items.
        size: how many may wait, those included that are being sent.
    """

    def __init__(self, kind: Kind, size: int, report: ExportReport) -> None:
        self._kind: Kind = kind
        self._size = size
        self._report = report
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self._begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    @property
    def waiting(self) -> int:
        """Items that are neither sent nor given up."""
        return self._waiting

    def take(self) -> bool:
        """Take one in; whether there is room."""
        with self._lock:
            has_room = self._waiting < self._size and not self._is_closed
            if has_room:
                self._waiting += 1
            else:
                self._report.dropped(self._kind)
        if not has_room:
            self._report.tell()  # Here as well: an export that never ends tells nothing.
        return has_room

    def settle(self, count: int) -> None:
        """So many were sent or given up."""
        with self._lock:
            self._waiting -= count

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True

    def _begin_anew(self) -> None:
        """In a forked child: what waits belongs to the parent, and the lock may have been held by a thread of it."""
        self._lock = threading.Lock()
        self._waiting = 0


def whole_number(variable: str, default: int) -> int:
    """What a standard variable says; the default where it says nothing that makes sense."""
    said = os.environ.get(variable, "").strip()
    return int(said) if said.isdecimal() and 0 < int(said) <= 1_000_000 else default
