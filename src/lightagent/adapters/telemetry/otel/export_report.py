"""What became of exports: counted, and told in one line a minute.

The exporters of the SDK write a line or two for each attempt that fails, with a traceback at times. Those of our own
exports are kept back, so that a collector that is down costs one line a minute and not thousands; lines of exporters
that the application has made are left as they are.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

_LOGGER: Final = logging.getLogger("lightagent")
_PAUSE: Final = 60.0
"""Seconds between two lines."""

_NOISY: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.util.re",  # It logs the headers of the environment if they are malformed.
    "urllib3.connectionpool",
)

Kind: TypeAlias = Literal["span", "event", "export", "point"]
"""What is counted: spans, events beside them, exports of metrics, and the points of metrics in one."""

Fate: TypeAlias = Literal["failed", "dropped", "too large", "rejected"]

_PHRASES: Final = {status.phrase: int(status) for status in HTTPStatus}


class Attempt:
    """One export that is under way in this thread.

    Attributes:
        status: the last HTTP status that the collector gave.
        reason: why it failed, as far as is known; never text of the collector's, which may repeat what it was sent.
        rejected: how much of it the collector did not take, though it took the request.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.rejected = 0
        self.reason: str = ""

    def note(self, *values: object) -> None:
        """Remember what tells why it failed, if anything does."""
        for value in values:
            if isinstance(value, BaseException):
                self.reason = type(value).__name__
            elif isinstance(value, Enum):
                self.reason = value.name
            elif isinstance(value, str) and value in _PHRASES:
                self.status = _PHRASES[value]

    @property
    def is_redirected(self) -> bool:
        """Whether the collector said that it is elsewhere. It is not followed there, and the SDK takes it for a yes."""
        return self.status is not None and 300 <= self.status < 400

    def failure_text(self) -> str:
        """Why it failed, in a word or two."""
        return f"HTTP {self.status}" if self.status is not None else self.reason


class _Under(threading.local):
    attempt: Attempt | None = None


_UNDER_WAY: Final = _Under()


class _OwnExports(logging.Filter):
    """Keeps back what is logged while an export of ours is under way in the same thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        attempt = _UNDER_WAY.attempt
        if attempt is None:
            return True
        attempt.note(*(record.args if isinstance(record.args, tuple) else ()))
        return False


_FILTER: Final = _OwnExports()


def note_answer(answer: int | Exception) -> None:
    """Tell the export of this thread which HTTP status came, or what came instead of one."""
    if (attempt := _UNDER_WAY.attempt) is not None:
        attempt.status = answer if isinstance(answer, int) else None
        attempt.note(answer)


def note_rejected(count: int) -> None:
    """Tell the export of this thread how much of it the collector said that it rejected."""
    if (attempt := _UNDER_WAY.attempt) is not None:
        attempt.rejected = max(count, 0)


class ExportReport:
    """Counts what was sent and what was not, and says so in the log.

    Args:
        place: where exports go, as it may be shown.
        monotonic: seconds that never go back.

    Attributes:
        why: why the last export failed, as far as is known.
        line: what was logged last; empty as long as nothing was lost.
    """

    def __init__(self, place: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        self._monotonic = monotonic
        self.why: str = ""
        self.line: str = ""
        self.begin_anew()
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self.begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())
        for name in _NOISY:
            logging.getLogger(name).addFilter(_FILTER)

    def begin_anew(self) -> None:
        """In a forked child: what the parent has counted, it tells itself."""
        self.sent: int = 0
        self._under_way = set[Attempt]()
        self._lost: dict[tuple[Kind, Fate], int] = dict.fromkeys(_PHRASES_OF, 0)
        self._told = {**self._lost}
        self._next = self._monotonic()
        self._telling = threading.Lock()

    @property
    def reason(self) -> str:
        """Why nothing is sent: what an export that goes on has met with so far, else why the last one failed."""
        return next(filter(None, (attempt.failure_text() for attempt in [*self._under_way])), self.why)

    @property
    def lost(self) -> int:
        """The number of spans and events that were lost, and of failed exports of metrics."""
        return sum(self._lost.values())

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """One export in this thread; what the SDK logs meanwhile is kept back."""
        attempt = Attempt()
        self._under_way.add(attempt)
        before, _UNDER_WAY.attempt = _UNDER_WAY.attempt, attempt
        try:
            yield attempt
        finally:
            self._under_way.discard(attempt)
            _UNDER_WAY.attempt = before

    def went_well(self, kind: Kind, count: int, attempt: Attempt) -> None:
        """Count items that were sent; the collector may have reported that it rejected some of them."""
        rejected = attempt.rejected if kind == "point" else min(attempt.rejected, count)
        if kind == "span":
            self.sent += count - rejected
        self._lost[kind, "rejected"] += rejected
        self.tell()

    def failed(self, kind: Kind, count: int, why: str) -> None:
        """Count items that were given up; a failed export of metrics loses nothing, since the next one has the sums."""
        self._lost[kind, "failed"] += count
        self.why = why or self.why
        self.tell()

    def too_large(self, kind: Kind) -> None:
        """Count an item that was given up because even its shortest form is too large for a collector."""
        self._lost[kind, "too large"] += 1
        self.tell()

    def dropped(self, kind: Kind) -> None:
        """Count an item that did not fit into the waiting room. The next `tell` logs it: a lock may be held here."""
        self._lost[kind, "dropped"] += 1

    def end(self, left: Mapping[Kind, int]) -> None:
        """Log the rest at once, counting the items that are left when the time for shutdown is over as lost."""
        for kind, count in left.items():
            if count:
                self._lost[kind, "failed"] += count
                self.why = self.reason or "the time for it was over"
        self._next = self._monotonic()
        self.tell()

    def tell(self) -> None:
        """Log a line if anything is new and the last line was logged at least a minute ago."""
        if self._monotonic() < self._next or not self._telling.acquire(blocking=False):
            return
        try:
            self._tell()
        finally:
            self._telling.release()

    def _tell(self) -> None:
        lost = {**self._lost}
        if lost == self._told:
            return
        new = {what: count - self._told[what] for what, count in lost.items() if count != self._told[what]}
        self._told, self._next = lost, self._monotonic() + _PAUSE
        why = f" ({self.why})" if self.why else ""
        parts = [_counted(count, what[0]) + _PHRASES_OF[what].format(why=why) for what, count in new.items()]
        self.line = f"Telemetry to {self.place}: {'; '.join(parts)}."
        _LOGGER.warning("%s", self.line)


_PHRASES_OF: Final[Mapping[tuple[Kind, Fate], str]] = {
    ("span", "failed"): " could not be sent{why}",
    ("span", "dropped"): " dropped, since too many waited",
    ("span", "too large"): " dropped, since no request has room for one as large",
    ("span", "rejected"): " rejected by the collector",
    ("event", "failed"): " could not be sent{why}",
    ("event", "dropped"): " dropped, since too many waited",
    ("event", "too large"): " dropped, since no request has room for one as large",
    ("event", "rejected"): " rejected by the collector",
    ("export", "failed"): " of metrics failed{why}",
    ("point", "rejected"): " of metrics rejected by the collector",
}
"""What is said of each kind of item by what became of it, in this order."""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
