"""How a run ends: in exactly one of six ways, and nobody infers which from a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo


@dataclass(frozen=True, slots=True)
class Completed:
    """The model answered."""

    content: str
    kind: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True)
class Suspended:
    """A human must decide about these calls; the journal goes on with `resume`."""

    call_ids: tuple[str, ...]
    kind: Literal["suspended"] = "suspended"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody said no: a guardrail, a hook, a policy, the provider's content filter."""

    error: LightAgentErrorInfo
    kind: Literal["blocked"] = "blocked"


@dataclass(frozen=True, slots=True)
class BudgetExhausted:
    """A limit was reached before an answer."""

    error: LightAgentErrorInfo
    kind: Literal["budget_exhausted"] = "budget_exhausted"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up."""

    reason: str = ""
    kind: Literal["cancelled"] = "cancelled"


@dataclass(frozen=True, slots=True)
class Failed:
    """A fault ended the run."""

    error: LightAgentErrorInfo
    kind: Literal["failed"] = "failed"


Outcome: TypeAlias = Completed | Suspended | Blocked | BudgetExhausted | Cancelled | Failed


def outcome_error(outcome: Outcome) -> LightAgentErrorInfo | None:
    """What went wrong, or None where nothing did."""
    match outcome:
        case Completed() | Suspended():
            return None
        case Cancelled(reason):
            return LightAgentErrorInfo("LA-UNKNOWN", reason or "The run was cancelled.")
        case Blocked(error) | BudgetExhausted(error) | Failed(error):
            return error
