"""The steps of a flow: what is made of each option, with everything checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.logs import is_logging, log_events
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.check_options import check_options, check_text
from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.call_work import CallWork
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_function import FlowFunction
from lightagent.application.flow.flow_records import FlowRecords
from lightagent.application.flow.flow_runs import FlowRequest, FlowRuns
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.flow.step_work import StepWork
from lightagent.application.flow.underway import MOST_AT_ONCE
from lightagent.application.means import Means
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.start_run import checked_params
from lightagent.compose.policies import compose_flow_gates, compose_flow_reviews
from lightagent.compose.ports import check_port, journal_port
from lightagent.compose.telemetry import compose_ambient_sink, compose_sinks
from lightagent.compose.tools import compose_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.retrying import RetryPolicy
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_answers import read_review_answer
from lightagent.domain.rulings import Unreadable
from lightagent.domain.scopes import Scope
from lightagent.flow_options import FlowOptions, FlowRunOptions, NewFlowRunOptions, StepOptions
from lightagent.options import AgentOptions, ToolLike
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.tools import Tool

MOST_KEPT: Final = 1_000
"""Runs that are over which a flow without a store keeps in memory."""


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What a flow is made of besides its steps.

    Attributes:
        name: of the flow.
        store: where its runs are kept.
        runs: begins them and goes on with them.
        desk: where they are told what was decided.
        records: where they are found again.
        gates: what reviews them.
    """

    name: str
    store: JournalStore
    runs: FlowRuns
    desk: FlowDesk
    records: FlowRecords
    gates: tuple[Gate, ...] = ()


def compose_flow(store: JournalStore | None, options: FlowOptions) -> FlowParts:
    """A flow's parts.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_options(options, FlowOptions, "LightFlow")
    gates = compose_flow_gates(options.get("hooks") or ())
    most = options.get("max_parallel")
    if most is not None and most < 1:
        raise ConfigurationError(f"LightFlow: max_parallel must be at least 1, got {most}.", guidance="")
    kept = journal_port(store, "store") or MemoryJournalStore()
    clock = check_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock()
    ids = check_port(options.get("ids"), "ids", "new") or RandomIds()
    name = options.get("name") or "flow"
    listeners = Listeners()
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
        seen=_seen(options),
        reviews=reviews,
    )
    return FlowParts(name, kept, runs, FlowDesk(kept, clock, listeners, reviews), FlowRecords(kept), gates)


def _seen(options: FlowOptions) -> Seen:
    """How telemetry and logs see the runs."""
    told: AgentOptions = {"telemetry": options.get("telemetry")}
    sinks = compose_sinks(told)
    ambient = compose_ambient_sink(told, sinks)
    return Seen(sinks, ambient, options.get("capture_content") or False, _write_lines)


def _write_lines(name: str, trace_id: str, make: Callable[[], Sequence[TraceEvent]]) -> None:
    if is_logging():
        log_events(name, trace_id, ((event["type"], event["data"]) for event in make()))


def compose_new_flow_run(options: NewFlowRunOptions) -> FlowRequest:
    """A new run as its caller wants it.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_options(options, NewFlowRunOptions, "run")
    return FlowRequest(
        _owner(options),
        options.get("run_id") or "",
        traced=options.get("trace") or False,
        parent_trace_id=options.get("parent_trace_id") or "",
        run_group_id=options.get("run_group_id") or "",
    )


def compose_known_flow_run(run_id: str, options: FlowRunOptions) -> FlowRequest:
    """How to go on with a run that is there.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_text(run_id, "run_id")
    check_options(options, FlowRunOptions, "resume")
    return FlowRequest(_owner(options), run_id, traced=options.get("trace") or False)


def _owner(options: FlowRunOptions) -> Scope:
    return flow_owner(options.get("user_id") or "", options.get("tenant") or "")


def flow_owner(user_id: str, tenant: str) -> Scope:
    """Whose runs are meant.

    Raises:
        ConfigurationError: an id is not text.
    """
    check_text(user_id, "user_id")
    check_text(tenant, "tenant")
    return Scope(tenant, user_id)


def read_decision(decision: object) -> ApprovalDecision:
    """What a person decides, in whatever form it is said.

    Raises:
        ConfigurationError: it is no decision.
    """
    read = read_review_answer(dict(decision) if isinstance(decision, Mapping) else decision, "")
    if isinstance(read, Unreadable):
        raise ConfigurationError(
            f"approve: this is no decision. {read.problem}",
            guidance="Pass True, False, or ApprovalDecision.approve(), .reject(), .edit() or .respond().",
        )
    return read


def compose_step(name: object, options: StepOptions) -> LightFlowStep:
    """One step.

    Raises:
        ConfigurationError: an unknown option, a wrong type, or a value that no step can have.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"step: its name must be text, got {name!r:.50}.", guidance="Name the step.")
    at = f"step {name!r:.60}"
    check_options(options, StepOptions, at)
    tools, metadata = options.get("tools"), to_json_object(options.get("metadata") or {}, f"{at}: metadata")
    query, form = options.get("query"), options.get("output_type")
    output = None if form is None else OutputForm(form)
    if output is not None:
        output.check()
    agent, fallback = options.get("agent"), options.get("fallback_agent")
    work = _work(at, "agent", agent, tools, metadata)
    return LightFlowStep(
        definition=StepDefinition(
            name,
            depends_on=_names(at, "depends_on", options.get("depends_on")),
            condition=options.get("cancel_if") is not None,
            approval=options.get("requires_approval") or False,
            approvers=_names(at, "approvers", options.get("approvers")),
            retry=_retry(at, options.get("max_retry")),
            timeout=_timeout(at, options.get("timeout")),
            fallback=fallback is not None,
            query=query if isinstance(query, str) else None,
            metadata=metadata,
        ),
        work=work,
        fallback=None if fallback is None else _work(at, "fallback_agent", fallback, tools, metadata),
        query=None if isinstance(query, str) else _function(at, "query", query),
        cancel_if=_function(at, "cancel_if", options.get("cancel_if")),
        approval_handler=_function(at, "approval_handler", options.get("approval_handler")),
        output=output,
        approval_timeout=_timeout(at, options.get("approval_timeout"), "approval_timeout"),
        escalate_to=_names(at, "escalate_to", options.get("escalate_to")),
    )


def _work(at: str, option: str, agent: object, tools: Sequence[ToolLike] | None, metadata: JsonObject) -> StepWork:
    nested = _nested(at, agent, tools)
    if nested is not None:
        return nested
    means = _means(at, option, agent)
    if means is not None:
        return AgentWork(means, _tools(tools), checked_params(metadata))
    if tools:
        raise ConfigurationError(f"{at}: tools are for an agent.", guidance="Leave them out.")
    if isinstance(agent, type) or not callable(agent):
        given = "nothing" if agent is None else type(agent).__name__
        raise ConfigurationError(
            f"{at}: {option} must be an agent, a swarm, a flow or a callable, got {given}.",
            guidance="Pass LightAgent(...), LightSwarm(), LightFlow() or a function of the query.",
        )
    return CallWork(agent)


def _nested(at: str, agent: object, tools: Sequence[ToolLike] | None) -> StepWork | None:
    """The work of a step that is a flow; None for what is none."""
    steps: object = None if isinstance(agent, type) else getattr(agent, "steps", None)
    if not isinstance(steps, tuple) or not all(isinstance(step, LightFlowStep) for step in steps):
        return None
    if tools:
        raise ConfigurationError(f"{at}: tools are for an agent.", guidance="Pass them to the flow's own steps.")

    def declared() -> tuple[LightFlowStep, ...]:
        now: object = getattr(agent, "steps", ())
        return tuple(step for step in now if isinstance(step, LightFlowStep)) if isinstance(now, tuple) else ()

    parts: object = getattr(agent, "_parts", None)
    gates = parts.gates if isinstance(parts, FlowParts) else ()
    return FlowWork(str(getattr(agent, "name", "flow")), declared, gates)


def _means(at: str, option: str, agent: object) -> Callable[[], Means[None]] | None:
    """Gives the means of an agent, or of the first agent of a swarm; None for what is neither."""
    if isinstance(agent, type):
        return None
    if isinstance(getattr(agent, "means", None), Means):
        check: object = getattr(agent, "check_deps", None)
        if callable(check):
            _refuse_deps(at, option, check)
        return partial(_means_now, agent)
    member: object = getattr(agent, "member", None)
    return partial(_first_member, agent, member) if hasattr(agent, "registered") and callable(member) else None


def _means_now(agent: object) -> Means[None]:
    """The means of an agent as they are when a run begins: it may have been given tools since the flow was declared."""
    means: object = getattr(agent, "means", None)
    if isinstance(means, Means):
        return means
    raise ConfigurationError(f"step: expected an agent, got {type(agent).__name__}.", guidance="")


def _first_member(swarm: object, member: Callable[[object], object]) -> Means[None]:
    """The same of the agent that was registered first, as it is within its swarm."""
    registered: object = getattr(swarm, "registered", ())
    if not isinstance(registered, tuple) or not registered:
        raise ConfigurationError("LightSwarm: no agent is registered.", guidance="Call register_agent first.")
    return _means_now(member(registered[0]))


def _refuse_deps(at: str, option: str, check: Callable[[None], object]) -> None:
    try:
        check(None)
    except ConfigurationError:
        raise ConfigurationError(
            f"{at}: {option} was declared with deps_type=, and the steps of a flow are given no dependencies.",
            guidance="Pass a callable that runs the agent with deps=.",
        ) from None


def _tools(tools: Sequence[ToolLike] | None) -> tuple[Tool[object], ...]:
    return compose_tools(tools, None)


def _function(at: str, option: str, function: object) -> FlowFunction | None:
    if function is None:
        return None
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(f"{at}: {option} must be a callable, got {type(function).__name__}.", guidance="")
    return FlowFunction(function)


def _names(at: str, option: str, names: Sequence[str] | None) -> tuple[str, ...]:
    for name in names or ():
        given: object = name
        if not isinstance(given, str):
            raise ConfigurationError(f"{at}: {option} must be names, got {type(given).__name__}.", guidance="")
    return tuple(dict.fromkeys(names or ()))


def _retry(at: str, attempts: int | None) -> RetryPolicy:
    if attempts is not None and attempts < 1:
        raise ConfigurationError(f"{at}: max_retry must be at least 1, got {attempts}.", guidance="1 is one attempt.")
    return RetryPolicy(attempts or 1)


def _timeout(at: str, seconds: float | None, option: str = "timeout") -> float | None:
    if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
        raise ConfigurationError(
            f"{at}: {option} must be a positive number of seconds, got {seconds}.", guidance="None is no limit."
        )
    return seconds
