"""How an agent plans before it acts, and which model makes its plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Never

from lightagent.application.agent_options.tree_of_thought import TreeOfThought
from lightagent.compose.check_ports import is_model
from lightagent.compose.models import named_model, open_model
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.models import ChatModel


def compose_planning(options: AgentOptions[Never]) -> TreeOfThought | None:
    """How the agent plans; None if it does not. False switches planning off despite other planning options.

    Raises:
        ConfigurationError: `tree_of_thought` or its model is of a wrong type, two models are given, or a model is given
            without `tree_of_thought`.
        MissingExtraError: the package of the provider is not installed.
    """
    given: object = options.get("tree_of_thought")
    if given is None:
        _refuse_a_model_without_plans(options)
    if given is None or given is False:
        return None
    planning = TreeOfThought() if given is True else given
    if not isinstance(planning, TreeOfThought):
        raise ConfigurationError(
            f"tree_of_thought: expected True, False or TreeOfThought, got {type(planning).__name__}."
        )
    model = _model(options)
    if model is not None and planning.model is not None:
        raise ConfigurationError(
            "tot_model: tree_of_thought has a model of its own.", guidance="Leave one of the two out."
        )
    if planning.model is not None and not is_model(planning.model):
        raise ConfigurationError("tree_of_thought: its model must have name, stream and aclose.")
    filters, chosen = options.get("filter_tools"), planning.model if model is None else model
    name: object = "" if chosen is None else chosen.name
    if not isinstance(name, str):
        raise ConfigurationError(f"tot_model: its name must be text, got {name!r:.80}.")
    return replace(planning, model=chosen, filter_tools=planning.filter_tools if filters is None else filters)


def _refuse_a_model_without_plans(options: AgentOptions[Never]) -> None:
    for name in ("tot_model", "tot_api_key", "tot_base_url"):
        if options.get(name) is not None:
            raise ConfigurationError(
                f"LightAgent: {name}= is about the model that plans, and this agent makes no plans.",
                guidance=f"Pass tree_of_thought=True as well, or leave {name}= out.",
            )


def _model(options: AgentOptions[Never]) -> ChatModel | None:
    """The model that makes plans, if it is another one than the agent's.

    A model that is given by name uses the agent's provider, unless it has a key or a URL of its own.
    """
    given, key, url = options.get("tot_model"), options.get("tot_api_key"), options.get("tot_base_url")
    if given is not None and not isinstance(given, str):
        if not is_model(given):
            raise ConfigurationError(
                f"tot_model: expected a name or an object with name, stream and aclose, got {type(given).__name__}."
            )
        if key is not None or url is not None:
            raise ConfigurationError(
                "tot_api_key and tot_base_url are for a tot_model that is given by name.", guidance="Leave them out."
            )
        return given
    if given is None and key is None and url is None:
        return None
    own = options.get("model")
    if given is None and own is not None and not isinstance(own, str):
        raise ConfigurationError("tot_api_key and tot_base_url need the name of a model.", guidance="Pass tot_model=.")
    return open_model(
        given or named_model(options),
        options.get("provider") or "openai",
        options.get("api_key") if key is None else key,
        options.get("base_url") if url is None else url,
    )
