"""What one policy answers about a payload, and how the answers of several become one verdict.

The policies behind a gate are asked in order. What one rewrites, the next one is asked about; the first that forbids or
ends the run is the last that is asked; and a human is asked if any of them wants one. Nothing is called here: the
application asks the policies, and folds what they answer into a `Deliberation`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias, assert_never

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.outcomes import Blocked, Outcome
from lightagent.domain.policy.phases import Asked, Decision, Passed, PayloadT, Phase, Refused, Stopped, Verdict


@dataclass(frozen=True, slots=True)
class Allow:
    """Go on. It is on record only where it has a reason."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rewrite(Generic[PayloadT]):
    """Go on with this payload instead."""

    payload: PayloadT
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ask(Generic[PayloadT]):
    """A human must decide first; only a tool call can wait for one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forbid:
    """Forbids the action. The model gets the error of a tool call, and the run continues; elsewhere the run is blocked.

    Attributes:
        error: what the caller, or the model, gets.
        reason: why, for the record; it must not quote what is forbidden.
        failed: the policy did not decide this, but failed to decide.
    """

    error: LightAgentErrorInfo
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class EndRun:
    """The run ends so, wherever it is."""

    outcome: Outcome
    reason: str = ""


Ruling: TypeAlias = Allow | Rewrite[PayloadT] | Ask[PayloadT] | Forbid | EndRun
"""The answer of one policy."""

ALLOW: Final = Allow()

ABOUT_CALLS: Final[frozenset[Phase]] = frozenset({"tool_call", "approval", "tool_result", "handoff"})
"""The boundaries at which the model gets the error of what is forbidden, and the run goes on."""


@dataclass(frozen=True, slots=True)
class Deliberation(Generic[PayloadT]):
    """What the policies that were asked so far have come to.

    Attributes:
        payload: as they left it.
        decisions: theirs, in order.
        question: why a human must decide; None if no policy requests that.
        end: what ends the deliberation, and the step that was reviewed; None while the next policy is to be asked.
    """

    phase: Phase
    payload: PayloadT
    decisions: tuple[Decision, ...] = ()
    question: str | None = None
    end: Forbid | EndRun | None = None

    def take(self, by: str, ruling: Ruling[PayloadT]) -> Deliberation[PayloadT]:
        """The same after the policy `by` has answered."""
        match ruling:
            case Allow(reason=reason):
                return replace(self, decisions=self._with(by, ruling)) if reason else self
            case Rewrite(payload=payload):
                return replace(self, payload=payload, decisions=self._with(by, ruling))
            case Ask(reason=reason):
                question = reason if self.question is None else self.question
                return replace(self, decisions=self._with(by, ruling), question=question)
            case Forbid() | EndRun():
                return replace(self, decisions=self._with(by, ruling), end=ruling)
            case _:
                assert_never(ruling)

    def verdict(self) -> Verdict[PayloadT]:
        """What all of them together say."""
        if isinstance(self.end, EndRun):
            return Stopped(self.end.outcome, self.decisions)
        if self.end is not None:
            error = self.end.error
            goes_on = self.phase in ABOUT_CALLS
            return Refused(error, self.decisions) if goes_on else Stopped(Blocked(error), self.decisions)
        if self.question is not None:
            return Asked(self.payload, self.question, self.decisions)
        return Passed(self.payload, self.decisions)

    def _with(self, by: str, ruling: Ruling[PayloadT]) -> tuple[Decision, ...]:
        return (*self.decisions, _decision(self.phase, by, ruling))


def ended(phase: Phase, by: str, ruling: EndRun) -> Stopped:
    """The verdict of a policy that alone says how the run ends, such as a budget."""
    return Stopped(ruling.outcome, (_decision(phase, by, ruling),))


def _decision(phase: Phase, by: str, ruling: Ruling[PayloadT]) -> Decision:
    """A ruling as it is on record."""
    match ruling:
        case Allow(reason=reason):
            return Decision(phase, by, "allow", reason)
        case Rewrite(reason=reason):
            return Decision(phase, by, "rewrite", reason)
        case Ask(reason=reason):
            return Decision(phase, by, "ask", reason)
        case Forbid(reason=reason, failed=failed):
            return Decision(phase, by, "error" if failed else "block", reason)
        case EndRun(reason=reason):
            return Decision(phase, by, "block", reason)
        case _:
            assert_never(ruling)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer that says nothing a hook or guardrail can say.

    Attributes:
        problem: what is wrong with it, in a sentence that does not quote it.
        is_attempt: it has the form of a decision, so that something was decided.
    """

    problem: str
    is_attempt: bool = False
