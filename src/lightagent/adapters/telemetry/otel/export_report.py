"""What became of exports: counted, and told in one line a minute.

The exporters of the SDK write a line or two for each attempt that fails, with a traceback at times. Those of our own
exports are kept back, so that a collector that is down costs one line a minute and not thousands; lines of exporters
that the application has made are left as they are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus
from typing import Final

_LOGGER: Final = logging.getLogger("lightagent")
_PAUSE: Final = 60.0
"""Seconds between two lines."""

_NOISY: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.util.re",  # It writes out the headers of the environment where they are no list of headers.
    "urllib3.connectionpool",
)
_PHRASES: Final = {status.phrase: int(status) for status in HTTPStatus}


class Attempt:
    """One export that is under way in this thread.

    Attributes:
        status: the last HTTP status that the collector gave.
        reason: why it failed, as far as is known; never text of the collector's, which may repeat what it was sent.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.reason = ""

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

    def told(self) -> str:
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


class ExportReport:
    """Counts what was sent and what was not, and says so in the log.

    Args:
        place: where exports go, as it may be shown.
        monotonic: seconds that never go back.

    Attributes:
        why: why the last export failed, as far as is known.
    """

    def __init__(self, place: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        self._monotonic = monotonic
        self.why = ""
        self.begin_anew()
        for name in _NOISY:
            logging.getLogger(name).addFilter(_FILTER)

    def begin_anew(self) -> None:
        """In a forked child: what the parent has counted, it tells itself."""
        self.sent = self.failed = self.dropped = self.failed_metrics = 0
        self._told = (0, 0, 0)
        self._next = self._monotonic()
        self._telling = threading.Lock()

    @property
    def lost(self) -> int:
        """Spans that nobody will see, and exports of metrics that came to nothing."""
        return self.failed + self.dropped + self.failed_metrics

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """One export in this thread; what the SDK logs meanwhile is kept back."""
        before, _UNDER_WAY.attempt = _UNDER_WAY.attempt, Attempt()
        try:
            yield _UNDER_WAY.attempt
        finally:
            _UNDER_WAY.attempt = before

    def spans_failed(self, count: int, why: str) -> None:
        """So many spans were given up."""
        self.failed += count
        self.why = why or self.why
        self.tell()

    def metrics_failed(self, why: str) -> None:
        """An export of metrics failed; the next one tells their sums as well."""
        self.failed_metrics += 1
        self.why = why or self.why
        self.tell()

    def end(self, left: int) -> None:
        """Tell the rest at once, with the spans that are left where the time for the end is over."""
        if left:
            self.failed += left
            self.why = self.why or "the time for it was over"
        self._next = self._monotonic()
        self.tell()

    def tell(self) -> None:
        """Write a line, if there is anything new to tell and the last one was a minute ago."""
        if self._monotonic() < self._next or not self._telling.acquire(blocking=False):
            return
        try:
            self._tell()
        finally:
            self._telling.release()

    def _tell(self) -> None:
        lost = (self.failed, self.dropped, self.failed_metrics)
        if lost == self._told:
            return
        failed, dropped, metrics = (new - old for new, old in zip(lost, self._told, strict=True))
        self._told, self._next = lost, self._monotonic() + _PAUSE
        why = f" ({self.why})" if self.why else ""
        parts = [
            f"{_counted(failed, 'span')} could not be sent{why}" if failed else "",
            f"{_counted(dropped, 'span')} dropped, since too many waited" if dropped else "",
            f"{_counted(metrics, 'export')} of metrics failed{why}" if metrics else "",
        ]
        _LOGGER.warning("Telemetry to %s: %s.", self.place, "; ".join(filter(None, parts)))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
