"""What a flow is made of besides its steps: where its runs are kept, what carries them out and what sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Final, Never

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.logs import is_logging, log_events
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.check_options import check_options
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.engine_records import EngineRecords
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_machinery import give_machine
from lightagent.application.flow.flow_records import FlowRecords
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.flow.underway import MOST_AT_ONCE
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.compose.check_ports import check_journal_port, check_port
from lightagent.compose.flow.step_options import check_count
from lightagent.compose.policies import compose_flow_gates, compose_flow_reviews
from lightagent.compose.telemetry import compose_ambient_sink, compose_sinks
from lightagent.domain.absent_names import FLOW_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.flow_options import FlowOptions
from lightagent.options import AgentOptions
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock

UNNAMED: Final = "flow"
"""The name of a flow that was given none."""

MOST_KEPT: Final = 1_000
"""Runs that are over which a flow without a store keeps in memory."""

_INSTEAD: Final = {
    "store": "The engine keeps its runs itself: leave store= out, or engine=.",
    "hooks": "Hooks of the flow would not be called there: give hooks to the agents of the steps.",
    "max_parallel": "How many steps go on at once is set where the engine's workers are.",
    "max_wait": "A run that waits there occupies no process: leave it out.",
}
"""What to do about an option that is for runs in this process, by its name."""


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What a flow is made of besides its steps.

    Attributes:
        name: of the flow.
        store: where its runs are kept.
        runs: starts and continues them.
        desk: delivers messages to them.
        records: finds them and lists them.
        clock: the time.
        is_kept: the caller passed a store, so that other processes may continue its runs.
        outlives: runs outlive the process, so steps are compared with those that a run was started with.
        engine: carries them out; None: this process does.
        gates: the hooks and policies that review them.
        limits: how large they may become.
    """

    name: str
    store: JournalStore
    runs: FlowRuns | EngineFlows
    desk: FlowDesk | EngineFlows
    records: FlowRecords | EngineRecords
    clock: Clock
    is_kept: bool
    outlives: bool = False
    engine: FlowEngine | None = None
    gates: tuple[Gate, ...] = ()
    limits: FlowLimits = DEFAULT_FLOW_LIMITS


def compose_flow(store: JournalStore | None, options: FlowOptions) -> FlowParts:
    """A flow's parts.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_options(options, FlowOptions, "LightFlow", parameters=("store",), absent=FLOW_OPTIONS)
    engine = _engine(options, store)
    gates = compose_flow_gates(options.get("hooks") or ())
    most = options.get("max_parallel")
    if most is not None and most < 1:
        raise ConfigurationError(
            f"LightFlow: max_parallel must be at least 1, got {most}.", guidance="1 is one step at a time."
        )
    limits, max_wait = _limits(options.get("limits")), options.get("max_wait")
    if max_wait is not None and not max_wait >= 0:
        raise ConfigurationError(
            f"LightFlow: max_wait must be seconds from 0, got {max_wait}.", guidance="None waits however long."
        )
    kept = check_journal_port(store, "store") or MemoryJournalStore()
    clock = check_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock()
    ids = check_port(options.get("ids"), "ids", "new") or RandomIds()
    name = options.get("name") or UNNAMED
    if engine is not None:
        flows, found = EngineFlows(engine, clock, ids, name, limits, compose_seen(options)), EngineRecords(engine)
        return FlowParts(
            name, kept, flows, flows, found, clock, is_kept=False, outlives=True, engine=engine, limits=limits
        )
    listeners = Listeners()
    outlives = not isinstance(kept, MemoryJournalStore)
    reviews = compose_flow_reviews(options.get("hooks") or (), kept, clock.now)
    runs = FlowRuns(
        kept,
        clock,
        ids,
        name,
        listeners,
        most or MOST_AT_ONCE,
        most_kept=MOST_KEPT if store is None else None,
        gates=gates,
        seen=compose_seen(options),
        reviews=reviews,
        coded=outlives,
        limits=limits,
        max_wait=max_wait,
    )
    desk = FlowDesk(kept, clock, listeners, reviews)
    records, is_kept = FlowRecords(kept), store is not None
    return FlowParts(
        name, kept, runs, desk, records, clock, is_kept=is_kept, outlives=outlives, gates=gates, limits=limits
    )


def _limits(limits: FlowLimits | None) -> FlowLimits:
    found = DEFAULT_FLOW_LIMITS if limits is None else limits
    for limit in fields(found):
        check_count("LightFlow", f"limits.{limit.name}", getattr(found, limit.name))
    return found


def _engine(options: FlowOptions, store: JournalStore | None) -> FlowEngine | None:
    """The chosen engine. It keeps its runs itself and decides what runs at once, so some options do not apply."""
    engine = options.get("engine")
    own: dict[str, object] = {
        "store": store,
        "hooks": options.get("hooks"),
        "max_parallel": options.get("max_parallel"),
        "max_wait": options.get("max_wait"),
    }
    if engine is not None and (given := [name for name, value in own.items() if value is not None]):
        what = f"{' and '.join(f'{name}=' for name in given)} {'is' if len(given) == 1 else 'are'}"
        raise ConfigurationError(
            f"LightFlow: {what} for runs in this process, and engine= carries them out elsewhere.",
            guidance=" ".join(_INSTEAD[name] for name in given),
        )
    give_machine(engine)
    return check_port(
        engine,
        "engine",
        *("begin", "start", "wait", "fork", "resume", "rerun"),
        *("decide", "signal", "cancel", "events", "runs", "aclose"),
    )


def compose_seen(options: FlowOptions) -> Seen:
    """How telemetry and logs observe the runs of a flow.

    Raises:
        ConfigurationError: one of the sinks is not one.
    """
    told: AgentOptions[Never] = {"telemetry": options.get("telemetry")}
    sinks = compose_sinks(told)
    ambient = compose_ambient_sink(told, sinks)
    return Seen(sinks, ambient, options.get("capture_content") or False, _write_lines)


def _write_lines(name: str, trace_id: str, make: Callable[[], Sequence[TraceEvent]]) -> None:
    if is_logging():
        log_events(name, trace_id, ((event["type"], event["data"]) for event in make()))
