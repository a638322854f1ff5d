"""Shows a run to its telemetry sinks. Telemetry never makes a run fail: a sink that raises sees no more of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.events import Event
from lightagent.domain.http_calls import is_header_name
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.ports.telemetry import RunWatch, TelemetrySink

_LOGGER: Final = logging.getLogger("lightagent")
_FAILED: Final = "%s failed; it sees no more of this run."


class Watchers:
    """The watches of one run in this process.

    Args:
        sinks: of the agent.
        origin: the run.
        known: the events that were seen before.
    """

    __slots__ = ("_watches",)

    def __init__(self, sinks: Sequence[TelemetrySink], origin: Origin, known: Sequence[Event]) -> None:
        self._watches: list[RunWatch] = []
        for sink in sinks:
            try:
                self._watches.append(sink.watch(origin, known))
            except FAILURES as raised:  # A sink of anybody's: what it does wrong is its own.
                _LOGGER.error(_FAILED, type(sink).__name__, exc_info=failure(raised))

    def see(self, event: Event) -> None:
        """Show one event."""
        for watch in [*self._watches]:
            try:
                watch.see(event)
            except FAILURES as raised:  # As above.
                self._watches.remove(watch)
                _LOGGER.error(_FAILED, type(watch).__name__, exc_info=failure(raised))

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """Headers that link a request to the traces of all sinks.

        A sink whose headers could not be sent is dropped: a model must not fail over them.
        """
        headers: list[tuple[str, str]] = []
        for watch in [*self._watches]:
            try:
                headers.extend(_checked(watch.trace_headers(origin)))
            except FAILURES as raised:  # As above.
                self._watches.remove(watch)
                _LOGGER.error(_FAILED, type(watch).__name__, exc_info=failure(raised))
        return tuple(headers)


def _checked(headers: object) -> TraceHeaders:
    """The headers that a sink gave, whatever its type says.

    Raises:
        TypeError, ValueError: they are no pairs of texts, or no HTTP header can hold them.
    """
    if not isinstance(headers, (list, tuple)):
        raise TypeError(f"trace_headers gave {type(headers).__name__}; give a tuple of (name, value) pairs.")
    return tuple(_header(pair) for pair in headers)


def _header(pair: object) -> tuple[str, str]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError("trace_headers gave what is no (name, value) pair; give a tuple of such pairs.")
    name, value = pair
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError("trace_headers gave a name or value that is no text; give a tuple of (str, str) pairs.")
    if not is_header_name(name) or not (value.isascii() and value.isprintable()):
        raise ValueError(f"trace_headers gave {name!r}, which no HTTP header can hold; use printable ASCII.")
    return name, value
