"""What all runs of one sink share: its tracer, its instruments, its names, and what of texts it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import Meter

from lightagent.adapters.telemetry.otel.attribute_names import ERROR_MESSAGE, Names
from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.head_facts import KnownHeads
from lightagent.adapters.telemetry.otel.http_requests import ServerInstruments
from lightagent.adapters.telemetry.otel.metrics import Metrics
from lightagent.adapters.telemetry.otel.spans import Spans


@dataclass(frozen=True)
class Kit:
    """What all runs of one sink share.

    Attributes:
        spans: starts the spans.
        metrics: records the measurements.
        content: what of texts is kept.
        meter: makes the instruments of servers, which most processes have none of.
        tags: of the application, which all spans have.
        loggers: take the events; None: those that the application has set.
        sum_usage: put the sum of a run's tokens on its invoke_agent span too.
    """

    spans: Spans
    metrics: Metrics
    content: ContentCapture
    meter: Meter
    tags: tuple[str, ...] = ()
    sum_usage: bool = False
    loggers: LoggerProvider | None = None

    @cached_property
    def names(self) -> Names:
        """The names of attributes."""
        return self.spans.names

    @cached_property
    def heads(self) -> KnownHeads:
        """What is known of the agents."""
        return KnownHeads(self.names)

    @cached_property
    def server(self) -> ServerInstruments:
        """What measures the requests to a server of this process."""
        return ServerInstruments(self.meter)

    def tags_of(self, own: tuple[str, ...]) -> tuple[str, ...]:
        """The tags of the application and those of one run, each once."""
        return tuple(dict.fromkeys((*self.tags, *own))) if own else self.tags

    def error_message(self, text: str) -> Mapping[str, str]:
        """The text of an error, where spans hold texts."""
        if not self.content.on_spans:
            return {}
        told = next(iter(self.content.error(text).values()), None)
        return {} if told is None else {ERROR_MESSAGE: told}
