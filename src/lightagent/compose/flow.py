"""The steps of a flow: what is made of each option, with everything checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Final, Never

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.check_options import check_options, check_text
from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.call_work import CallWork
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_records import FlowRecords
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.fork_flow import ForkPoint
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_work import StepWork
from lightagent.application.flow.underway import MOST_AT_ONCE
from lightagent.application.flow.verify_step import AgentVerifier, CallableVerifier, Verifier
from lightagent.application.means import Means
from lightagent.application.start_run import checked_params
from lightagent.compose.flow_parts import FlowParts
from lightagent.compose.policies import compose_flow_gates, compose_flow_reviews
from lightagent.compose.ports import check_port, journal_port
from lightagent.compose.seen_flows import compose_seen
from lightagent.compose.step_policies import (
    check_count,
    compose_acceptance,
    compose_condition,
    compose_doubt,
    compose_function,
    compose_growth,
    compose_names,
    compose_retry,
    compose_timeout,
)
from lightagent.compose.tools import compose_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_answers import read_review_answer
from lightagent.domain.rulings import Unreadable
from lightagent.domain.scopes import Scope
from lightagent.flow_options import (
    FlowOptions,
    FlowRunOptions,
    ForkOptions,
    KnownFlowRunOptions,
    NewFlowRunOptions,
    StepOptions,
)
from lightagent.options import ToolLike
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.tools import Tool

UNNAMED: Final = "flow"
"""The name of a flow that was given none."""

MOST_KEPT: Final = 1_000
"""Runs that are over which a flow without a store keeps in memory."""


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
    limits, max_wait = _limits(options.get("limits")), options.get("max_wait")
    if max_wait is not None and not max_wait >= 0:
        raise ConfigurationError(f"LightFlow: max_wait must be seconds from 0, got {max_wait}.", guidance="")
    kept = journal_port(store, "store") or MemoryJournalStore()
    clock = check_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock()
    ids = check_port(options.get("ids"), "ids", "new") or RandomIds()
    name = options.get("name") or UNNAMED
    engine = _engine(options, store)
    if engine is not None:
        flows = EngineFlows(engine, clock, ids, name, limits, compose_seen(options))
        return FlowParts(name, kept, flows, flows, flows, clock, is_kept=False, engine=engine)
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
    return FlowParts(
        name, kept, runs, desk, FlowRecords(kept), clock, is_kept=store is not None, outlives=outlives, gates=gates
    )


def _limits(limits: FlowLimits | None) -> FlowLimits:
    found = DEFAULT_FLOW_LIMITS if limits is None else limits
    for limit in fields(found):
        check_count("LightFlow", f"limits.{limit.name}", getattr(found, limit.name))
    return found


def _engine(options: FlowOptions, store: JournalStore | None) -> FlowEngine | None:
    """The engine that was chosen, which keeps its runs itself, and decides what it carries out at once."""
    engine = options.get("engine")
    own: dict[str, object] = {
        "store": store,
        "hooks": options.get("hooks"),
        "max_parallel": options.get("max_parallel"),
        "max_wait": options.get("max_wait"),
    }
    if engine is not None and (given := [name for name, value in own.items() if value is not None]):
        raise ConfigurationError(
            f"LightFlow: {', '.join(given)} is for runs in this process, and engine= carries them out elsewhere.",
            guidance="Leave it out, or engine=.",
        )
    return check_port(
        engine, "engine", "begin", "resume", "rerun", "decide", "signal", "cancel", "events", "runs", "aclose"
    )


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


def compose_known_flow_run(run_id: str, options: KnownFlowRunOptions) -> FlowRequest:
    """How to go on with a run that is there.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_text(run_id, "run_id")
    check_options(options, KnownFlowRunOptions, "resume")
    return FlowRequest(
        _owner(options), run_id, traced=options.get("trace") or False, accept=_accepted(options.get("accept"))
    )


def compose_fork(run_id: str, input: str | None, options: ForkOptions) -> tuple[ForkPoint, FlowRequest]:
    """Where a run is forked, and the run that the fork is.

    Raises:
        ConfigurationError: an unknown option, one of a wrong type, or two points.
    """
    check_text(run_id, "run_id")
    check_options(options, ForkOptions, "fork")
    if input is not None:
        check_text(input, "input")
    event, step = options.get("from_event"), options.get("step") or ""
    if event is not None and step:
        raise ConfigurationError("fork: from_event and step are two points.", guidance="Pass one of them.")
    request = FlowRequest(
        _owner(options),
        options.get("new_run_id") or "",
        traced=options.get("trace") or False,
        accept=_accepted(options.get("accept")),
    )
    return ForkPoint(run_id, event, step, input), request


def _accepted(names: object) -> tuple[str, ...]:
    """Names of steps; a single text is one that somebody forgot the brackets of."""
    if names is None:
        return ()
    found = tuple(names) if isinstance(names, Sequence) and not isinstance(names, str) else ()
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError("accept must be a list of names of steps.", guidance='For example accept=["draft"].')
    return tuple(str(name) for name in found)


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
    named = check_name(name)
    at = f"step {named!r:.60}"
    check_options(options, StepOptions, at)
    tools, metadata = options.get("tools"), to_json_object(options.get("metadata") or {}, f"{at}: metadata")
    query, form = options.get("query"), options.get("output_type")
    output = None if form is None else OutputForm(form)
    if output is not None:
        output.check()
    agent, fallback = options.get("agent"), options.get("fallback_agent")
    work, when, cancel_if = compose_work(at, "agent", agent, tools, metadata), *compose_condition(at, options)
    return LightFlowStep(
        definition=StepDefinition(
            named,
            depends_on=compose_names(at, "depends_on", options.get("depends_on")),
            condition=when is not None or cancel_if is not None,
            approval=options.get("requires_approval") or False,
            approvers=compose_names(at, "approvers", options.get("approvers")),
            retry=compose_retry(at, options),
            timeout=compose_timeout(at, options.get("timeout")),
            fallback=fallback is not None,
            verify=options.get("verify") is not None,
            doubt=compose_doubt(at, options),
            growth=compose_growth(at, options),
            repeatable=options.get("repeatable") is not False,
            query=query if isinstance(query, str) else None,
            metadata=metadata,
        ),
        work=work,
        fallback=None if fallback is None else compose_work(at, "fallback_agent", fallback, tools, metadata),
        query=None if isinstance(query, str) else compose_function(at, "query", query),
        cancel_if=cancel_if,
        when=when,
        approval_handler=compose_function(at, "approval_handler", options.get("approval_handler")),
        output=output,
        approval_timeout=compose_timeout(at, options.get("approval_timeout"), "approval_timeout"),
        escalate_to=compose_names(at, "escalate_to", options.get("escalate_to")),
        verify=_verifier(at, options.get("verify"), output),
        accept_steps=compose_acceptance(at, options),
    )


def check_name(name: object) -> str:
    """The name of a step.

    Raises:
        ConfigurationError: it is no text.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"step: its name must be text, got {name!r:.50}.", guidance="Name the step.")
    return name


def compose_work(
    at: str, option: str, agent: object, tools: Sequence[ToolLike[Never]] | None, metadata: JsonObject
) -> StepWork:
    """What does the work of a step.

    Raises:
        ConfigurationError: it is nothing that can.
    """
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


def _verifier(at: str, verify: object, output: OutputForm[object] | None) -> Verifier | None:
    if verify is None:
        return None
    means = _means(at, "verify", verify)
    if means is not None:
        return AgentVerifier(means)
    if isinstance(verify, type) or not callable(verify):
        raise ConfigurationError(
            f"{at}: verify must be a callable or an agent, got {type(verify).__name__}.", guidance=""
        )
    return CallableVerifier(verify, output)


def _nested(at: str, agent: object, tools: Sequence[ToolLike[Never]] | None) -> StepWork | None:
    """The work of a step that is a flow; None for what is none."""
    steps: object = None if isinstance(agent, type) else getattr(agent, "declared", None)
    if not isinstance(steps, tuple) or not all(isinstance(step, LightFlowStep) for step in steps):
        return None
    if tools:
        raise ConfigurationError(f"{at}: tools are for an agent.", guidance="Pass them to the flow's own steps.")

    def declared() -> tuple[LightFlowStep, ...]:
        now: object = getattr(agent, "declared", ())
        return tuple(step for step in now if isinstance(step, LightFlowStep)) if isinstance(now, tuple) else ()

    parts: object = getattr(agent, "parts", None)
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


def _tools(tools: Sequence[ToolLike[Never]] | None) -> tuple[Tool[object], ...]:
    return compose_tools(tools, None)
