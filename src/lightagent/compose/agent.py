"""Makes the means of an agent from its options: model, tools, memory, policies and everything else, checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, Never

from lightagent.adapters.logs import configure_logs
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.active_run.means import Means
from lightagent.application.check_options import check_options
from lightagent.application.prompts import DEFAULT_PROMPTS
from lightagent.application.run_loop.start_run import checked_params
from lightagent.application.structured_output import OutputType
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT
from lightagent.compose.budgets import compose_budgets, compose_prices
from lightagent.compose.check_ports import check_journal_port, check_port
from lightagent.compose.context import (
    check_compactor,
    compose_conclusions,
    compose_context_budget,
    compose_sources,
    context_budget_tools,
)
from lightagent.compose.memory import compose_memory
from lightagent.compose.models import compose_model
from lightagent.compose.planning import compose_planning
from lightagent.compose.policies import compose_desks, compose_gates
from lightagent.compose.selection import compose_selector
from lightagent.compose.skills import compose_skills, with_skill_lists
from lightagent.compose.telemetry import compose_ambient_sink, compose_sinks
from lightagent.compose.tools import MOST_DESCRIBED, is_source, load_named_tools, make_tools
from lightagent.domain.absent_names import AGENT_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import DEFAULT_LIMITS
from lightagent.domain.policy.information_flow import DEFAULT_FLOW
from lightagent.domain.runs.agents import generated_name
from lightagent.options import AgentOptions, HandoffTarget

_PARAMETERS: Final = ("deps_type", "output_type")


def compose_means(options: AgentOptions[Never], output: OutputType[object], deps_type: object = None) -> Means[DepsT]:
    """An agent's means; `deps_type` is what its runs are given.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool or parameter, an unknown provider.
    """
    check_options(options, AgentOptions, "LightAgent", parameters=_PARAMETERS, absent=AGENT_OPTIONS)
    if options.get("debug") or options.get("log_level") is not None or options.get("log_file"):
        configure_logs(options.get("log_level") or "DEBUG", options.get("log_file"))
    given = load_named_tools(options.get("tools") or (), options.get("tools_directory"))
    deferred = len(given) > MOST_DESCRIBED
    prompts = options.get("prompts") or DEFAULT_PROMPTS
    budget = compose_context_budget(options)
    clock = check_port(options.get("clock"), "clock", "now", "monotonic") or SystemClock()
    name = options.get("name") or generated_name(int.from_bytes(os.urandom(6), "big"))
    gates = compose_gates(options)
    recalled, remembered = compose_memory(options, name, prompts, clock, gates)
    skills = compose_skills(options, prompts)
    skill_tools = () if skills is None else skills.tools
    sources = compose_sources((*recalled, *(options.get("context_sources") or ())))
    sinks = compose_sinks(options)
    given_budgets = options.get("budgets")
    plans = (
        "tree_of_thought" in options or "tot_model" in options or "tot_api_key" in options or "tot_base_url" in options
    )
    budgets = compose_budgets(given_budgets)
    means: Means[DepsT] = Means(
        name=name,
        model=compose_model(options),
        catalogue=Catalogue(
            (
                *make_tools(given, deps_type, deferred=deferred),
                *(context_budget_tools(budget, prompts) if budget else ()),
                *skill_tools,
            ),
            tuple(one for one in given if is_source(one)),
        ),
        clock=clock,
        ids=check_port(options.get("ids"), "ids", "new") or RandomIds(),
        selector=compose_selector(options, budget, clock),
        instructions=options.get("instructions"),
        role=options.get("role") or "",
        params=checked_params(options.get("metadata") or {}),
        limits=options.get("limits") or DEFAULT_LIMITS,
        prompts=prompts,
        output=None if output.is_text else output,
        gates=gates,
        flow=options.get("information_flow") or DEFAULT_FLOW,
        desks=compose_desks(options),
        sources=sources if skills is None else with_skill_lists(sources, skills),
        skills=skills,
        conclusions=compose_conclusions((*remembered, *(options.get("conclusions") or ()))),
        budget=budget,
        budgets=budgets,
        prices=None if given_budgets is None else compose_prices(given_budgets, budgets),
        compactor=check_compactor(options.get("compactor")),
        history=check_port(options.get("history_source"), "history_source", "read"),
        sessions=check_journal_port(options.get("session_store"), "session_store"),
        sinks=sinks,
        ambient_sink=compose_ambient_sink(options, sinks),
        capture_content=options.get("capture_content") or False,
        capabilities=options.get("capabilities"),
        planning=compose_planning(options) if plans else None,
        handoffs=_handoffs(handoffs) if (handoffs := options.get("handoffs")) else (),
    )
    if means.handoffs:
        _ = means.crew  # Raises for names that are not distinct.
    return means


def _handoffs(agents: Sequence[HandoffTarget]) -> tuple[Means[DepsT], ...]:
    if not agents:
        return ()
    found: list[object] = [getattr(agent, "means", None) for agent in agents]
    if not all(isinstance(means, Means) for means in found):
        raise ConfigurationError("handoffs: expected agents.", guidance="Pass a list of LightAgent objects.")
    return tuple(means for means in found if isinstance(means, Means))
