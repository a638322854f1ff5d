"""The steps of a flow, made from their options: the work of each, and what verifies it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Never

from lightagent.application.active_run.means import Means
from lightagent.application.check_options import check_options
from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.call_work import CallWork
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_work import StepWork
from lightagent.application.flow.verify_step import AgentVerifier, CallableVerifier, Verifier
from lightagent.application.run_loop.start_run import checked_params
from lightagent.compose.flow.parts import FlowParts
from lightagent.compose.flow.step_options import (
    compose_acceptance,
    compose_condition,
    compose_doubt,
    compose_function,
    compose_growth,
    compose_names,
    compose_people,
    compose_retry,
    compose_timeout,
    may_ask,
    wrap_function,
)
from lightagent.compose.tools import compose_tools
from lightagent.domain.absent_names import STEP_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.flow_options import StepOptions
from lightagent.options import ToolLike


def compose_step(name: object, options: StepOptions) -> LightFlowStep:
    """One step.

    Raises:
        ConfigurationError: an unknown option, a wrong type, or a value that no step can have.
    """
    named = check_name(name)
    at = f"step {named!r:.60}"
    check_options(options, StepOptions, at, absent=STEP_OPTIONS)
    tools, metadata = options.get("tools"), to_json_object(options.get("metadata") or {}, f"{at}: metadata")
    query, form = options.get("query"), options.get("output_type")
    output = None if form is None else OutputForm(form)
    if output is not None:
        output.check()
    agent, fallback = options.get("agent"), options.get("fallback_agent")
    work, when, cancel_if = compose_work(at, "agent", agent, tools, metadata), *compose_condition(at, options)
    people = compose_people(at, options, asks=may_ask(options))
    return LightFlowStep(
        definition=StepDefinition(
            named,
            depends_on=compose_names(at, "depends_on", options.get("depends_on")),
            condition=when is not None or cancel_if is not None,
            approval=people.approval,
            approvers=people.approvers,
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
        approval_handler=people.handler,
        output=output,
        approval_timeout=people.timeout,
        escalate_to=people.escalate_to,
        verify=compose_verifier(at, options.get("verify"), output),
        accept_steps=compose_acceptance(at, options),
    )


def check_name(name: object) -> str:
    """The name of a step.

    Raises:
        ConfigurationError: it is not text.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"step: its name must be text, got {name!r:.50}.", guidance="Name the step.")
    return name


def compose_work(
    at: str, option: str, agent: object, tools: Sequence[ToolLike[Never]] | None, metadata: JsonObject
) -> StepWork:
    """The work of a step.

    Raises:
        ConfigurationError: it is not an agent, a swarm, a flow or a callable.
    """
    nested = _nested(at, agent, tools)
    if nested is not None:
        return nested
    means = _means(at, option, agent)
    if means is not None:
        return AgentWork(means, compose_tools(tools, None), checked_params(metadata))
    if tools:
        raise ConfigurationError(f"{at}: tools are for an agent.", guidance="Leave them out.")
    if isinstance(agent, type) or not callable(agent):
        given = "nothing" if agent is None else type(agent).__name__
        raise ConfigurationError(
            f"{at}: {option} must be an agent, a swarm, a flow or a callable, got {given}.",
            guidance="Pass LightAgent(...), LightSwarm(), LightFlow() or a function of the query.",
        )
    return CallWork(wrap_function(at, option, agent))


def compose_verifier(at: str, verify: object, output: OutputForm[object] | None) -> Verifier | None:
    """The verification of a result; None without one.

    Raises:
        ConfigurationError: it is not a possible verifier.
    """
    if verify is None:
        return None
    means = _means(at, "verify", verify)
    if means is not None:
        return AgentVerifier(means)
    if isinstance(verify, type) or not callable(verify):
        raise ConfigurationError(
            f"{at}: verify must be a callable or an agent, got {type(verify).__name__}.",
            guidance="A callable of the result gives a StepVerdict, True, False, a text or None.",
        )
    return CallableVerifier(wrap_function(at, "verify", verify), output)


def _nested(at: str, agent: object, tools: Sequence[ToolLike[Never]] | None) -> StepWork | None:
    """The work of a step that is a flow; None for anything else."""
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
    """A function that gives the means of an agent, or of the first agent of a swarm; None for anything else."""
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
    raise ConfigurationError(f"step: expected an agent, got {type(agent).__name__}.", guidance="Pass LightAgent(...).")


def _first_member(swarm: object, member: Callable[[object], object]) -> Means[None]:
    """The means of the agent that was registered first in a swarm, as a member of the swarm."""
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
