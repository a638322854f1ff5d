"""How a run ends: in exactly one of six ways, which is on record and never inferred from a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from lightagent.domain.error_codes import LightAgentErrorInfo


@dataclass(frozen=True, slots=True)
class Completed:
    """The model answered."""

    content: str
    kind: Literal["completed"] = "completed"


@dataclass(frozen=True, slots=True)
class Suspended:
    """A human must decide about these calls; the journal goes on with `resume`.

    The id of a call inside a nested run is a path: the ids of the calls that lead to it, joined by a slash.
    """

    call_ids: tuple[str, ...]
    kind: Literal["suspended"] = "suspended"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A policy, a guardrail, a hook or the provider's content filter forbade it."""

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


RunStatus: TypeAlias = Literal["completed", "suspended", "blocked", "budget_exhausted", "cancelled", "failed"]
"""How a run ended, as the `kind` of its outcome says."""

Outcome: TypeAlias = Completed | Suspended | Blocked | BudgetExhausted | Cancelled | Failed


def outcome_error(outcome: Outcome) -> LightAgentErrorInfo | None:
    """The error, or None if the run did not fail: a run that its caller cancelled has not failed."""
    match outcome:
        case Completed() | Suspended() | Cancelled():
            return None
        case Blocked(error) | BudgetExhausted(error) | Failed(error):
            return error
        case _:
            assert_never(outcome)
