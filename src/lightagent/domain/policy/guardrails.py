"""Guardrails as values: the three places where they stand, and what they may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.rulings import Unreadable

Stage: TypeAlias = Literal["input", "tool", "output"]
"""Before memory and model; before a tool call; before the final answer is given."""

TextGuardrail: TypeAlias = Callable[[str, JsonObject], object]
"""Looks at a query or an answer, and a context; may be async. What it answers is read by `read_guardrail_answer`."""

ToolGuardrail: TypeAlias = Callable[[JsonObject, JsonObject], object]
"""Looks at ``{"tool_name": …, "arguments": …}`` and a context."""


@dataclass(frozen=True, slots=True)
class GuardrailDecision:
    """The answer of a guardrail. It is validated when it is read; an invalid answer blocks.

    Attributes:
        allowed: whether the value may pass.
        reason: why not, for the caller, or for the model if it is about a tool call.
        value: replaces the checked value; None leaves it unchanged.
    """

    allowed: bool
    reason: str | None = None
    value: object = None


_ALLOWED: Final = GuardrailDecision(True)


def read_guardrail_answer(answer: object) -> GuardrailDecision | Unreadable:
    """What a guardrail meant: True and None allow, False and a text block, an object has the keys of a decision."""
    if answer is None or answer is True:
        return _ALLOWED
    if answer is False:
        return GuardrailDecision(False)
    if isinstance(answer, str):
        return GuardrailDecision(False, answer)
    if isinstance(answer, GuardrailDecision):
        return _checked(answer.allowed, answer.reason, answer.value)
    if isinstance(answer, dict) and answer.keys() <= {"allowed", "reason", "value"} and answer:
        # An object that only names another value allows it; one that only has a reason says nothing clear.
        allowed = answer.get("allowed", True if answer.get("value") is not None else None)
        return _checked(allowed, answer.get("reason"), answer.get("value"))
    return Unreadable(f"It answered with {type(answer).__name__}, which is not a decision.")


def _checked(allowed: object, reason: object, value: object) -> GuardrailDecision | Unreadable:
    if not isinstance(allowed, bool):
        return Unreadable(f"Its answer has {type(allowed).__name__} for `allowed`, not True or False.", is_attempt=True)
    if reason is not None and not isinstance(reason, str):
        return Unreadable("The reason of a decision is text.", is_attempt=True)
    return GuardrailDecision(allowed, reason, value)
