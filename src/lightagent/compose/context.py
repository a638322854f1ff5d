"""The context of an agent: what is added to its conversation, concluded from it, and how it is kept short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Never

from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.journals.read_spilled import ReadToolResult
from lightagent.application.policies.check_payload import is_trust
from lightagent.application.prompts import Prompts
from lightagent.application.run_loop.prepare_context import VALID_SOURCE
from lightagent.compose.check_ports import check_each, check_journal_port, check_port, is_model
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.context import Compactor, Conclusion, ContextSource
from lightagent.ports.tools import Tool


def compose_sources(sources: Sequence[ContextSource]) -> dict[str, ContextSource]:
    """The context sources by their names, each of which names a place in the conversation.

    Raises:
        ConfigurationError: a name or a label of trust is refused, or two sources have one name.
    """
    named: dict[str, ContextSource] = {}
    for source in check_each(sources, "context_sources", "gather"):
        name: object = getattr(source, "name", None)
        if not isinstance(name, str) or not VALID_SOURCE.fullmatch(name) or name in named:
            raise ConfigurationError(
                f"context_sources: invalid or repeated name {name!r:.80}.",
                guidance="Give each source a name of its own, of 1 to 64 of A-Z a-z 0-9 _ . -",
            )
        trust: object = getattr(source, "trust", None)
        if not is_trust(trust):
            raise ConfigurationError(f"context_sources: the trust of {name!r} must be a label, got {trust!r:.80}.")
        named[name] = source
    return named


def compose_conclusions(conclusions: Sequence[Conclusion]) -> dict[str, Conclusion]:
    """The conclusions by their names.

    Raises:
        ConfigurationError: one has no name, or two have one name.
    """
    named: dict[str, Conclusion] = {}
    for one in check_each(conclusions, "conclusions", "propose", "carry_out"):
        name: object = getattr(one, "name", None)
        if not isinstance(name, str) or not name or name in named:
            raise ConfigurationError(
                f"conclusions: invalid or repeated name {name!r:.80}: each needs a text of its own."
            )
        named[name] = one
    return named


def compose_context_budget(options: AgentOptions[Never]) -> ContextBudget | None:
    """Return the context budget, completed with a counter of tokens and a store."""
    budget = options.get("context_budget")
    if budget is None:
        return None
    if options.get("compactor") is not None:
        raise ConfigurationError(
            "LightAgent: context_budget and compactor both shorten the conversation.", guidance="Leave one of them out."
        )
    if budget.model is not None and not is_model(budget.model):
        raise ConfigurationError("context_budget: its model must have name, stream and aclose.")
    from lightagent.adapters.tokens.estimate import EstimatedTokens  # It loads pydantic, which most agents do not need.

    counter = check_port(budget.counter, "context_budget: counter", "count") or EstimatedTokens()
    store = check_journal_port(budget.store or options.get("session_store"), "context_budget: store")
    if budget.spills and store is None:
        raise ConfigurationError(
            f"context_budget: the strategy {budget.strategy!r} moves results of tools to a store, but none is set.",
            guidance="Pass store= to the ContextBudget, or session_store= to the agent.",
        )
    return replace(budget, counter=counter, store=store)


def context_budget_tools(budget: ContextBudget | None, prompts: Prompts) -> tuple[Tool[object], ...]:
    """The tool with which the model reads results that were moved to a store."""
    if budget is None or not budget.spills or budget.store is None:
        return ()
    return (ReadToolResult(budget.store, prompts.read_result, budget.page_chars),)


def check_compactor(compactor: Compactor | None) -> Compactor | None:
    """The compactor, if it is one.

    Raises:
        ConfigurationError: it lacks a method, or a name.
    """
    name: object = getattr(compactor, "name", None)
    if check_port(compactor, "compactor", "is_due", "compact") is not None and not isinstance(name, str):
        raise ConfigurationError(f"compactor: its name must be text, got {name!r:.80}.")
    return compactor
