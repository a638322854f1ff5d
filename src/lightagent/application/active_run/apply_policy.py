"""Has the gates of a run review what it is about to do. A gate that fails blocks the run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final, TypeVar

from lightagent.application.active_run.means import Means
from lightagent.application.foreign_code import FAILURES, InnerCancellation, await_foreign, failure
from lightagent.application.policies.check_payload import check_payload, copy_payload, is_same_payload, is_stop
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import recorded_info
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.outcomes import Blocked, BudgetExhausted, Failed, Outcome
from lightagent.domain.policy.phases import (
    Action,
    Asked,
    CallPayload,
    Decision,
    Passed,
    Phase,
    Refused,
    Stopped,
    Subject,
    Verdict,
)
from lightagent.ports.policy import Gate, HeldStream

PayloadT = TypeVar("PayloadT")

_NO_DECISIONS: Final[tuple[Decision, ...]] = ()

_ACTIONS: Final[tuple[Action, ...]] = ("allow", "rewrite", "ask", "block", "error")


class Reviewer:
    """The gates of one run, in order: the first that stops it wins, and what one rewrites the next one reviews.

    Args:
        in_time: the run has a deadline, so a gate that does not end is given up.
    """

    __slots__ = ("gates", "in_time", "phases")

    def __init__(self, gates: tuple[Gate, ...], *, in_time: bool = False) -> None:
        self.gates: tuple[Gate, ...] = gates
        self.in_time: bool = in_time
        self.phases: frozenset[Phase] = frozenset().union(*(gate.phases for gate in gates))

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies behind the gates."""
        return policy_names(self.gates)

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        """The verdict of all gates at a phase at which the run goes on or ends."""
        gates = self.gates
        if len(gates) == 1 and phase in self.phases:
            verdict = await self._ask(gates[0], phase, subject, payload)
        else:
            verdict = await self._review(phase, subject, payload)
        if isinstance(verdict, Passed):
            return verdict
        if isinstance(verdict, Asked):
            return _cannot_wait(phase, verdict)
        return Stopped(Blocked(verdict.error), verdict.decisions) if isinstance(verdict, Refused) else verdict

    async def review_answer(
        self, phase: Phase, subject: Subject, payload: PayloadT
    ) -> Passed[PayloadT] | Refused | Stopped:
        """The same about a tool call, which can also be refused: then the run goes on, and the model gets the error."""
        verdict = await self._review(phase, subject, payload)
        if isinstance(verdict, Asked):
            return _cannot_wait(phase, verdict)
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
            verdict = await self._ask(gate, phase, subject, payload)
            decisions += verdict.decisions
            if isinstance(verdict, (Stopped, Refused)):
                return replace(verdict, decisions=decisions)
            payload = verdict.payload
            if isinstance(verdict, Asked) and reason is None:
                reason = verdict.reason
        return Passed(payload, decisions) if reason is None else Asked(payload, reason, decisions)

    def hold(self, subject: Subject) -> list[tuple[Gate, HeldStream]] | Stopped:
        """The streams that hold back the current reply, in the order of their gates."""
        held: list[tuple[Gate, HeldStream]] = []
        for gate in self.gates:
            try:
                stream = gate.hold(subject)
            except FAILURES as raised:  # Foreign code: a policy that raises blocks.
                failure(raised)
                return policy_fault(gate, "model_reply", f"It raised {type(raised).__name__}.")
            if stream is not None:
                held.append((gate, stream))
        return held

    def unknown_to(self, policies: Collection[str]) -> Reviewer | None:
        """The gates of policies that are not among these; None without any."""
        found = tuple(gate for gate in self.gates if not set(policies).issuperset(policy_names((gate,))))
        return Reviewer(found, in_time=self.in_time) if found else None

    def reviews(self, phase: Phase) -> bool:
        """Whether a gate reviews this phase."""
        return phase in self.phases

    async def _ask(self, gate: Gate, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        verdict: object
        try:
            asked, timeout = gate.review(phase, subject, copy_payload(payload)), gate.timeout
            if timeout is None and not self.in_time:
                verdict = await asked
            else:
                verdict = await await_foreign(asked, timeout, in_time=self.in_time)
        except TimeoutError:
            return policy_fault(gate, phase, "It did not decide in time.")
        except FAILURES as raised:  # Foreign code: a policy that raises blocks.
            if isinstance(failure(raised), InnerCancellation):
                return policy_fault(gate, phase, "Something that it waited for was cancelled.")
            return policy_fault(gate, phase, f"It raised {type(raised).__name__}.")
        if type(verdict) is Passed and verdict.payload is payload and verdict.decisions is _NO_DECISIONS:
            return verdict  # It returned an immutable payload unchanged, so there is nothing to check.
        return _checked(gate, phase, payload, verdict)


def _cannot_wait(phase: Phase, verdict: Asked[PayloadT]) -> Stopped:
    reason = "It asked for a human, but only a tool call can wait for one."
    by = next((one.by for one in verdict.decisions if one.action == "ask"), "")
    return _blocked(phase, by, reason, verdict.decisions)


def _checked(gate: Gate, phase: Phase, payload: PayloadT, verdict: object) -> Verdict[PayloadT]:
    """The verdict, if it is one, with a decision on record for all its changes."""
    if not isinstance(verdict, (Passed, Asked, Refused, Stopped)) or not are_decisions(verdict.decisions, phase):
        return policy_fault(gate, phase, f"It answered with {type(verdict).__name__}, which is not a verdict.")
    if isinstance(verdict, Refused):
        return _checked_refusal(gate, phase, verdict)
    if isinstance(verdict, Stopped):
        return checked_stop(gate, phase, verdict)
    reviewed: object = verdict.payload
    if not isinstance(reviewed, type(payload)):
        return policy_fault(gate, phase, f"It passed on {type(reviewed).__name__} for {type(payload).__name__}.")
    decisions = verdict.decisions
    try:
        rewritten = not is_same_payload(reviewed, payload)
        if rewritten:
            check_payload(reviewed)
    except ConfigurationError as error:
        return policy_fault(gate, phase, f"What it made of the payload does not fit: {error.message}")
    except FAILURES as raised:  # The comparison is foreign code.
        return policy_fault(
            gate, phase, f"Comparing what it made of the payload raised {type(failure(raised)).__name__}."
        )
    if rewritten:
        payload, decisions = copy_payload(reviewed), _named(gate, phase, decisions, "rewrite")
    if isinstance(verdict, Passed):
        return Passed(payload, decisions)
    return Asked(payload, str(verdict.reason), _named(gate, phase, decisions, "ask", str(verdict.reason)))


def checked_stop(gate: Gate, phase: Phase, verdict: Stopped) -> Stopped:
    """The verdict, with a decision on record; a policy cannot make a run succeed or wait."""
    if not is_stop(verdict.outcome):
        return policy_fault(gate, phase, f"It stopped the run as {type(verdict.outcome).__name__}.")
    return Stopped(_recorded(verdict.outcome), _named(gate, phase, verdict.decisions, "block"))


def _checked_refusal(gate: Gate, phase: Phase, verdict: Refused) -> Refused | Stopped:
    if not is_stop(Blocked(verdict.error)):
        return policy_fault(gate, phase, "It refused with what is not an error.")
    return Refused(recorded_info(verdict.error), _named(gate, phase, verdict.decisions, "block"))


def _recorded(outcome: Outcome) -> Outcome:
    match outcome:
        case Blocked(error=error) | BudgetExhausted(error=error) | Failed(error=error):
            return replace(outcome, error=recorded_info(error))
        case _:
            return outcome


def are_decisions(decisions: object, phase: Phase) -> bool:
    """Whether these can be put on record as the decisions behind a verdict at this boundary."""
    return isinstance(decisions, tuple) and all(_is_decision(one, phase) for one in decisions)


def _is_decision(value: object, phase: Phase) -> bool:
    if not isinstance(value, Decision) or value.phase != phase or value.action not in _ACTIONS:
        return False
    texts: tuple[object, ...] = (value.by, value.reason)
    return all(isinstance(text, str) for text in texts)


def _named(
    gate: Gate, phase: Phase, decisions: tuple[Decision, ...], action: str, reason: str = ""
) -> tuple[Decision, ...]:
    """The decisions, with one of this action among them; a rewriting needs one by a policy of this gate."""
    by = (*policy_names((gate,)), _name(gate)) if action == "rewrite" else None
    failed = action == "block" and any(decision.action == "error" for decision in decisions)
    if failed or any(decision.action == action and (by is None or decision.by in by) for decision in decisions):
        return decisions
    match action:
        case "block" | "rewrite" | "ask":
            return (*decisions, Decision(phase, _name(gate), action, reason))
        case _:
            return decisions


def policy_names(gates: Iterable[Gate]) -> tuple[str, ...]:
    """The policies behind these gates, once each; a gate that names no policies counts as one itself."""
    return tuple(dict.fromkeys(name for gate in gates for name in gate.policies or (type(gate).__name__,)))


def own_policies(owner: Means[DepsT]) -> tuple[str, ...]:
    """The policies behind the gates of an agent."""
    return policy_names(owner.gates)


def _name(gate: Gate) -> str:
    return ", ".join(policy_names((gate,)))


def policy_fault(gate: Gate, phase: Phase, reason: str) -> Stopped:
    """The verdict for a gate that failed."""
    return _blocked(phase, _name(gate), reason, error=True)


def _blocked(
    phase: Phase, by: str, reason: str, decisions: tuple[Decision, ...] = (), *, error: bool = False
) -> Stopped:
    guidance = "See the policy's own logs; a policy that fails blocks." if error else "Change the policy."
    info = LightAgentErrorInfo("LA-POLICY", f"{by} could not review {phase}. {reason}", guidance)
    return Stopped(Blocked(info), (*decisions, Decision(phase, by, "error" if error else "block", reason)))
