"""The spans of a run whose steps are carried out in other processes: there a span of each attempt, here the run's."""

from __future__ import annotations

from opentelemetry.trace import Span, get_current_span

from lightagent.adapters.telemetry.otel.flow_spans import OpenTelemetryFlowWatch, flow_attributes
from lightagent.adapters.telemetry.otel.plain_values import plain_attributes
from lightagent.domain.flow.events import AttemptStarted, FlowEvent
from lightagent.ports.flow_telemetry import FlowEnd


class CalledFlowWatch(OpenTelemetryFlowWatch):
    """The span of a run in the process that has called it."""

    def _begin(self, event: AttemptStarted) -> None:
        """The process that makes the attempt has its span."""


class AttemptWatch(OpenTelemetryFlowWatch):
    """The span of an attempt, below the span of the run, which another process has made."""

    def _flow(self, at: float) -> Span | None:
        if self._span is None and self._started is not None:
            self._base = plain_attributes(flow_attributes(self._kit.names, self._started, self._kit.tags))
            self._span = get_current_span(self._ambient)
            self._first = self._span.get_span_context()
        return self._span

    def _tell(self, span: Span, event: FlowEvent) -> None:
        """The process that has the run's span tells it."""

    def _leave(self, at: float, told: FlowEnd | None) -> None:
        self._span = None  # It is not this one's to end.
        super()._leave(at, told)
