"""Forks of runs: a new run that begins with the first events of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightagent.application.flow.flow_request import FlowRequest
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, Forked
from lightagent.domain.flow.paths import escape
from lightagent.domain.flow.state import fold
from lightagent.ports.system import IdSource


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """Where a run is forked.

    Attributes:
        source: the run.
        event: the number of the last of its events that the fork has; None: set by `step`, or all of them.
        step: the fork has what happened before this step began, the last time that it did.
        input: replaces the run's input for steps that have not begun; None: the same.
    """

    source: str
    event: int | None = None
    step: str = ""
    input: str | None = None


def new_id(point: ForkPoint, request: FlowRequest, ids: IdSource) -> str:
    """The id of a fork.

    Raises:
        ConfigurationError: it is that of the run.
    """
    run_id = request.run_id or ids.new()
    if run_id == point.source:
        raise ConfigurationError("A fork has another run_id than its source.", guidance="Leave new_run_id out.")
    return run_id


def forked(events: Sequence[FlowEvent], point: ForkPoint, run_id: str, now: float) -> list[FlowEvent]:
    """The events that a fork begins with.

    Raises:
        ConfigurationError: the run has no such event or step, or the step has not begun.
    """
    kept = _number(events, point)
    known = events[:kept]
    fork = Forked(run_id, fold(known).run_id, kept, point.input, at=now)
    return [*known, fork]


def _number(events: Sequence[FlowEvent], point: ForkPoint) -> int:
    if point.event is not None:
        if not 1 <= point.event <= len(events):
            raise ConfigurationError(
                f"from_event: the run {point.source!r:.100} has the events 1 to {len(events)}, not {point.event}.",
                guidance="events() lists them, as does: lightagent flow show FLOW RUN --events",
            )
        return point.event
    return _before(events, point.step) if point.step else len(events)


def _before(events: Sequence[FlowEvent], step: str) -> int:
    """How many events there were when a step began the last time."""
    state = fold(events)
    path = next((one for one in (step, escape(step)) if one in state.nodes), None)
    if path is None:
        names = ", ".join(one.name for one in state.definition.steps)
        raise ConfigurationError(f"The run has no step {step!r:.100}.", guidance=f"It has: {names}.")
    epoch = state.nodes[path].epoch
    inside = (f"{path}[", f"{path}#", f"{path}+/")
    for number, event in enumerate(events):
        at: object = getattr(event, "path", None)
        if not isinstance(at, str) or event.type == "rerun_requested":
            continue
        if (at == path and getattr(event, "epoch", epoch) == epoch) or at.startswith(inside):
            return number
    raise ConfigurationError(
        f"The step {step!r:.100} has not begun in run {state.run_id!r:.100}, so nothing is before it.",
        guidance="Fork the run as it is: leave step= out.",
    )
