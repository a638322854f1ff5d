"""Functions of a step: each is checked to be callable with the arguments that a flow passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.domain.errors import ConfigurationError

_WORK: Final = "the query and, where it takes a second argument, the context"
_GIVEN: Final = {
    "agent": _WORK,
    "fallback_agent": _WORK,
    "verify": "the result and, where it takes a second argument, the context",
    "accept_steps": "the proposed steps and, where it takes a second argument, the context",
    "approval_handler": "the step and the context",
}
"""The arguments of functions, by option."""

_OTHERS: Final = "the context, or, where it takes two arguments, the input of the flow and the context"


def compose_function(at: str, option: str, function: object) -> FlowFunction | None:
    """A function that a step was given; None without one.

    Raises:
        ConfigurationError: it is not a function, or cannot be called with the arguments that it would get.
    """
    if function is None:
        return None
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(f"{at}: {option} must be a callable, got {type(function).__name__}.", guidance="")
    return fitting(at, option, function)


def fitting(at: str, option: str, function: Callable[..., object]) -> FlowFunction:
    """A callable as a flow calls it.

    Raises:
        ConfigurationError: it cannot be called with the arguments that it would get.
    """
    made = FlowFunction(function)
    unfit = made.unfit(2 if option == "approval_handler" else None)
    if unfit:
        raise ConfigurationError(
            f"{at}: {option} is given {_GIVEN.get(option, _OTHERS)}, and {made.name:.60} takes {unfit:.200}.",
            guidance="Bind what else it needs with functools.partial, or pass a function that calls it.",
        )
    return made
