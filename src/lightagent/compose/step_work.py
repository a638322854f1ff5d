"""The work of a step, and its verification: by agents, swarms, flows and callables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Never

from lightagent.application.active_run.means import Means
from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.call_work import CallWork
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.output_form import OutputForm
from lightagent.application.flow.step_work import StepWork
from lightagent.application.flow.verify_step import AgentVerifier, CallableVerifier, Verifier
from lightagent.application.run_loop.start_run import checked_params
from lightagent.compose.flow_parts import FlowParts
from lightagent.compose.step_functions import fitting
from lightagent.compose.tools import compose_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.options import ToolLike


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
    return CallWork(fitting(at, option, agent))


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
    return CallableVerifier(fitting(at, "verify", verify), output)


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
    """The same for the agent that was registered first, as it is within its swarm."""
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
