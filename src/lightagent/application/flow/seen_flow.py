"""How telemetry, traces and logs see the runs of one flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.show_flow import Tracing
from lightagent.application.flow.step_work import WriteLines, no_lines
from lightagent.domain.flow.paths import declared_path
from lightagent.ports.telemetry import TelemetrySink


@dataclass(frozen=True, slots=True)
class Seen:
    """How the runs of a flow are seen.

    Attributes:
        sinks: where telemetry goes.
        ambient: finds the sink for the application's own providers, for each run; None: they get no spans of the flow.
        capture_content: keep private content in traces.
        write_lines: takes lines about the runs, for logs.
    """

    sinks: tuple[TelemetrySink, ...] = ()
    ambient: Callable[[], TelemetrySink | None] | None = None
    capture_content: bool = False
    write_lines: WriteLines = no_lines

    def watchers(self) -> FlowWatchers | None:
        """The watchers of a run that is about to begin, in the context of its caller; None without telemetry."""
        ambient = None if self.ambient is None else self.ambient()
        sinks = self.sinks if ambient is None else (ambient, *self.sinks)
        return FlowWatchers(sinks) if sinks else None

    def tracing(self, steps: Mapping[str, LightFlowStep]) -> Tracing:
        """How the traces of a run are kept."""

        def captures(path: str) -> bool:
            step = steps.get(declared_path(path))
            return step is not None and step.work.captures_content

        return Tracing(self.capture_content, captures)


UNSEEN: Final = Seen()
