"""Brings items to a collector by an exporter of the SDK: in parts that it takes, and counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from lightagent.adapters.telemetry.otel.batch_sizes import MOST_BYTES, parts_of
from lightagent.adapters.telemetry.otel.export_report import Attempt, ExportReport, Kind

ItemT = TypeVar("ItemT")

_TOO_LARGE: Final = 413
_SURELY_SMALL: Final = 64_000
"""Bytes of a request that is not cut once more, whatever the collector says of it."""


@dataclass(frozen=True, slots=True)
class Exporter(Generic[ItemT]):
    """An exporter of the SDK, whatever it exports.

    Attributes:
        send: whether it could send them.
        shutdown: ends it; what it is doing ends with it, or fails.
    """

    send: Callable[[Sequence[ItemT]], bool]
    shutdown: Callable[[], None]


class Deliveries(Generic[ItemT]):
    """Delivers items of one kind, and never raises.

    Args:
        kind: of the items.
        make: makes the exporter; called anew in a forked child, which must not share connections with its parent.
        report: told what became of them.
        settle: told how many items need no room in the queue any more.
        size: the bytes of an item, at most.
        shortened: makes a smaller item of one that is too large by itself; None: there is nothing to cut.
    """

    def __init__(
        self,
        kind: Kind,
        make: Callable[[], Exporter[ItemT]],
        report: ExportReport,
        settle: Callable[[int], None],
        size: Callable[[ItemT], int],
        shortened: Callable[[ItemT], ItemT] | None = None,
    ) -> None:
        self._kind: Kind = kind
        self._make = make
        self._report = report
        self._settle = settle
        self._size = size
        self._shortened = shortened
        with report.attempt():  # What is wrong with the environment may be the key in it.
            self._exporter = make()
        self._pid = os.getpid()
        self._is_closed = self._is_shut = False

    def deliver(self, items: Sequence[ItemT]) -> bool:
        """Send a batch, in as many requests as it takes; whether all of it was sent."""
        done = [self._deliver_part(part) for part in parts_of(items, self._size)]  # All of them, whatever came of one.
        return all(done)

    def _deliver_part(self, part: Sequence[ItemT]) -> bool:
        fitting = part if len(part) > 1 else self._cut(part)
        if fitting:
            return self._send(fitting)
        self._report.too_large(self._kind)
        self._settle(1)
        return False

    def _cut(self, part: Sequence[ItemT]) -> Sequence[ItemT]:
        """The items of a part that has only one, so that it fits; none if it cannot be made to."""
        if sum(map(self._size, part)) <= MOST_BYTES:
            return part
        cut = [] if self._shortened is None else [*map(self._shortened, part)]
        return cut if sum(map(self._size, cut)) <= MOST_BYTES else []

    def _send(self, part: Sequence[ItemT]) -> bool:
        with self._report.attempt() as attempt:
            went_well = not self._is_closed and self._export(part, attempt)
        if not went_well and attempt.status == _TOO_LARGE and self._may_be_cut(part):
            half = len(part) // 2
            first, rest = self._send(part[:half]), self._send(part[half:])
            return first and rest
        if went_well:
            self._report.went_well(self._kind, len(part), attempt)
        elif not self._is_closed:  # Who closes it counts what is left.
            self._report.failed(self._kind, len(part), attempt.failure_text())
        self._settle(len(part))
        return went_well

    def _may_be_cut(self, part: Sequence[ItemT]) -> bool:
        return len(part) > 1 and sum(map(self._size, part)) > _SURELY_SMALL

    def _export(self, part: Sequence[ItemT], attempt: Attempt) -> bool:
        try:
            if self._pid != os.getpid():
                self._exporter, self._pid = self._make(), os.getpid()
            return self._exporter.send(part) and not attempt.is_redirected
        except Exception as exc:
            attempt.note(exc)
            return False

    def close(self) -> None:
        """Begin nothing more, and count nothing more as failed."""
        self._is_closed = True

    def shutdown(self) -> None:
        """End the exporter, at once."""
        self.close()
        if not self._is_shut:
            self._is_shut = True
            shut(self._exporter.shutdown, self._report)


def shut(shutdown: Callable[[], None], report: ExportReport) -> None:
    """End an exporter; what it is doing ends with it, or fails."""
    with report.attempt() as attempt:
        try:
            shutdown()
        except Exception as exc:
            attempt.note(exc)
