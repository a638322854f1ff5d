"""The choice of tools that request parameters make: which tools they name, and that a call is forced once at most.

A model that had to call a tool at every turn could never answer.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue

_CHOICES: Final = frozenset({"tool_choice", "function_call"})
_FORCED: Final = ("required", "any")


def chosen_tools(params: JsonObject) -> tuple[str, ...]:
    """The names of the tools that request parameters name, as one that must be called or some that may be."""
    found: list[str] = []
    waiting: list[JsonValue] = [params[name] for name in sorted(_CHOICES) if name in params]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            name = value.get("name")
            if isinstance(name, str):
                found.append(name)
            waiting.extend(value[key] for key in ("function", "allowed_tools", "tools") if key in value)
    return tuple(found)


def turn_params(params: JsonObject, *, first: bool) -> JsonObject:
    """The request parameters of one turn of an agent: after its `first`, the model chooses freely whether to call."""
    if first or _CHOICES.isdisjoint(params):
        return params
    return {name: _freed(value) if name in _CHOICES else value for name, value in params.items()}


def _freed(choice: JsonValue) -> JsonValue:
    if isinstance(choice, str):
        return "auto" if choice in _FORCED else choice
    if not isinstance(choice, dict):
        return choice
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):  # Which tools may be called still holds.
        return {**choice, "allowed_tools": {**allowed, "mode": _freed(allowed.get("mode"))}}
    if choice.get("type") in ("auto", "none"):
        return choice
    return "auto"
