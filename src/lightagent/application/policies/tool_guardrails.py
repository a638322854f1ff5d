"""Guardrails of tool calls: by tool, and by values of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from typing import TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.guardrails import GuardrailDecision
from lightagent.domain.tools.foreign_names import exact_names

Allowed: TypeAlias = Callable[[JsonValue], object] | Collection[object]
"""The condition for a value: a predicate that is true for it, or the allowed values."""


class ToolNamesGuardrail:
    """Blocks the calls of some tools unless they are approved beforehand."""

    name = "sensitive_tool_confirmation"

    def __init__(self, tool_names: Collection[str], *, approved: bool, reason: str | None) -> None:
        given: object = approved
        if not isinstance(given, bool):
            raise ConfigurationError("sensitive_tool_confirmation_guardrail: approved must be True or False.")
        self._names = exact_names(tool_names, "sensitive_tool_confirmation_guardrail")
        self._approved = approved
        self._reason = reason

    def __call__(self, call: JsonObject, context: JsonObject) -> GuardrailDecision:
        """Whether the tool may be called."""
        name = call["tool_name"]
        if self._approved or name not in self._names:
            return GuardrailDecision(True)
        return GuardrailDecision(False, self._reason or f"The tool {name} requires approval.")


class ParameterGuardrail:
    """Blocks calls whose arguments have a value that is not allowed, at any depth."""

    name = "high_risk_parameter"

    def __init__(self, parameters: Mapping[str, Allowed], reason: str | None) -> None:
        for name, allowed in parameters.items():
            if isinstance(allowed, (str, bytes)) or not (callable(allowed) or isinstance(allowed, Collection)):
                raise ConfigurationError(
                    f"high_risk_parameter_guardrail: {name!r:.60} needs a function, or a list of allowed values."
                )
            if inspect.iscoroutinefunction(allowed):
                raise ConfigurationError(
                    f"high_risk_parameter_guardrail: the function of {name!r:.60} is async, and nothing awaits it.",
                    guidance="Pass one that answers at once, or write a guardrail, which may be async.",
                )
        self._parameters = dict(parameters)
        self._reason = reason

    def __call__(self, call: JsonObject, context: JsonObject) -> GuardrailDecision:
        """Whether all values are allowed; a function that raises makes the guardrail fail, which blocks."""
        for name, value in _named_values(call["arguments"]):
            allowed = self._parameters.get(name)
            if allowed is not None and not _allows(allowed, value):
                return GuardrailDecision(False, self._reason or f"The value of the parameter {name} is not allowed.")
        return GuardrailDecision(True)


def _allows(allowed: Allowed, value: JsonValue) -> bool:
    if callable(allowed):
        answer = allowed(value)
        if inspect.isawaitable(answer) or isinstance(answer, Generator):
            raise TypeError("the function has not answered yet")  # A coroutine is truthy, so it would allow the call.
        return bool(answer) and not isinstance(answer, str)  # A text is a reason, as from any guardrail.
    # True equals 1 in Python, but not for a tool.
    return any(type(one) is type(value) and one == value for one in allowed)


def _named_values(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item
            yield from _named_values(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named_values(item)
