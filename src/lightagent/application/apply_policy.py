"""Puts what a run is about to do before its gates. Whatever goes wrong with a gate blocks the run: it fails closed."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from lightagent.aiokits.abandon import within
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import require_json
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Cancelled, Failed
from lightagent.domain.policy import (
    ApprovalPayload,
    Asked,
    CallPayload,
    ConclusionPayload,
    Decision,
    OutputPayload,
    Passed,
    Phase,
    QueryPayload,
    RequestPayload,
    ResultPayload,
    Stopped,
    Subject,
    Verdict,
)
from lightagent.ports.policy import Gate, HeldStream

PayloadT = TypeVar("PayloadT")


class Reviewer:
    """The gates of one run, in order: the first that stops it wins, and what one rewrites the next one reviews."""

    __slots__ = ("gates", "phases")

    def __init__(self, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        self.phases: frozenset[Phase] = frozenset().union(*(gate.phases for gate in gates))

    @property
    def policies(self) -> tuple[str, ...]:
        """What stands behind the gates."""
        return tuple(dict.fromkeys(name for gate in self.gates for name in gate.policies))

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        """The verdict of all gates that review this phase, at which a run cannot wait for a human."""
        verdict = await self._review(phase, subject, payload)
        if isinstance(verdict, Asked):
            reason = "It asked for a human, but only a tool call can wait for one."
            return _blocked(phase, "gate", reason, verdict.decisions)
        return verdict

    async def review_call(self, subject: Subject, payload: CallPayload) -> Verdict[CallPayload]:
        """The verdict of all gates about a tool call."""
        return await self._review("tool_call", subject, payload)

    async def _review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        decisions: tuple[Decision, ...] = ()
        reason: str | None = None
        for gate in self.gates:
            if phase not in gate.phases:
                continue
            verdict = await _ask(gate, phase, subject, payload)
            decisions += verdict.decisions
            if isinstance(verdict, Stopped):
                return Stopped(verdict.outcome, decisions)
            payload = verdict.payload
            if isinstance(verdict, Asked) and reason is None:
                reason = verdict.reason
        return Passed(payload, decisions) if reason is None else Asked(payload, reason, decisions)

    def hold(self, subject: Subject) -> list[tuple[Gate, HeldStream]] | Stopped:
        """The streams that hold back the reply which comes now, in the order of their gates."""
        held: list[tuple[Gate, HeldStream]] = []
        for gate in self.gates:
            try:
                stream = gate.hold(subject)
            except Exception as exc:  # A policy of anybody's: it fails closed.
                return policy_fault(gate, "model_reply", f"It raised {type(exc).__name__}.")
            if stream is not None:
                held.append((gate, stream))
        return held

    def reviews(self, phase: Phase) -> bool:
        """Whether a gate reviews this phase."""
        return phase in self.phases


async def _ask(gate: Gate, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
    try:
        asked = gate.review(phase, subject, payload)
        verdict: object = await (asked if gate.timeout is None else within(gate.timeout, asked))
    except TimeoutError:
        return policy_fault(gate, phase, "It did not decide in time.")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return policy_fault(gate, phase, "Something that it waited for was cancelled.")
    except Exception as exc:  # A policy of anybody's: it fails closed, whatever it raises.
        return policy_fault(gate, phase, f"It raised {type(exc).__name__}.")
    return _checked(gate, phase, payload, verdict)


def _checked(gate: Gate, phase: Phase, payload: PayloadT, verdict: object) -> Verdict[PayloadT]:
    """The verdict, if it is one, with a decision on record for all that it changes."""
    if not isinstance(verdict, (Passed, Asked, Stopped)) or not _are_decisions(verdict.decisions):
        return policy_fault(gate, phase, f"It answered with {type(verdict).__name__}, which is not a verdict.")
    if isinstance(verdict, Stopped):
        return checked_stop(gate, phase, verdict)
    reviewed: object = verdict.payload
    if not isinstance(reviewed, type(payload)):
        return policy_fault(gate, phase, f"It passed on {type(reviewed).__name__} for {type(payload).__name__}.")
    decisions = verdict.decisions
    if reviewed is not payload and reviewed != payload:
        try:
            _check_payload(reviewed)
        except ConfigurationError as error:
            return policy_fault(gate, phase, f"What it made of the payload does not fit: {error.message}")
        decisions = _named(gate, phase, decisions, "rewrite")
    if isinstance(verdict, Passed):
        return Passed(reviewed, decisions)
    return Asked(reviewed, str(verdict.reason), _named(gate, phase, decisions, "ask", str(verdict.reason)))


def checked_stop(gate: Gate, phase: Phase, verdict: Stopped) -> Stopped:
    """The verdict, with a decision on record; a policy cannot make a run succeed or wait."""
    outcome: object = verdict.outcome
    if not isinstance(outcome, (Blocked, BudgetExhausted, Cancelled, Failed)):
        return policy_fault(gate, phase, f"It stopped the run as {type(outcome).__name__}.")
    return Stopped(outcome, _named(gate, phase, verdict.decisions, "block"))


def _are_decisions(decisions: object) -> bool:
    return isinstance(decisions, tuple) and all(isinstance(one, Decision) for one in decisions)


def _named(
    gate: Gate, phase: Phase, decisions: tuple[Decision, ...], action: str, reason: str = ""
) -> tuple[Decision, ...]:
    """The decisions, with one of this action among them."""
    if any(decision.action == action for decision in decisions):
        return decisions
    match action:
        case "block" | "rewrite" | "ask":
            return (*decisions, Decision(phase, _name(gate), action, reason))
        case _:
            return decisions


def _check_payload(payload: object) -> None:
    """Raise `ConfigurationError` where a rewritten payload could not be kept in a journal."""
    match payload:
        case QueryPayload(content=content) if not isinstance(content, str):
            require_json(content, "query")
        case CallPayload(arguments=value) | ConclusionPayload(proposal=value) | RequestPayload(params=value):
            _require_object(value)
        case ApprovalPayload(reason=reason, request=request):
            _require_text(reason)
            _require_object(request)
        case ResultPayload(output=text) | OutputPayload(content=text):
            _require_text(text)
        case _:
            pass


def _require_object(value: object) -> None:
    if not isinstance(value, dict):
        raise ConfigurationError(f"an object is expected, got {type(value).__name__}.")
    require_json(value, "payload")


def _require_text(value: object) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(f"text is expected, got {type(value).__name__}.")


def _name(gate: Gate) -> str:
    return ", ".join(gate.policies) or type(gate).__name__


def policy_fault(gate: Gate, phase: Phase, reason: str) -> Stopped:
    """The verdict of a gate that failed to give one."""
    return _blocked(phase, _name(gate), reason, error=True)


def _blocked(
    phase: Phase, by: str, reason: str, decisions: tuple[Decision, ...] = (), *, error: bool = False
) -> Stopped:
    guidance = "See the policy's own logs; a policy that fails blocks." if error else "Change the policy."
    info = LightAgentErrorInfo("LA-POLICY", f"{by} could not review {phase}. {reason}", guidance)
    return Stopped(Blocked(info), (*decisions, Decision(phase, by, "error" if error else "block", reason)))
