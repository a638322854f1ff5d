"""Has the hooks and policies of a flow review its steps, approvals, resumptions and reruns.

A step is reviewed once, before a person is asked about it or else before its first attempt, and again if its query
is made anew: after an edit, a failure or a rerun. Each decision is recorded in the event that it decides about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from lightagent.application.active_run.apply_policy import Reviewer
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import (
    AttemptFailed,
    AttemptStarted,
    FlowEvent,
    RerunRequested,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.flow.state import FlowState
from lightagent.domain.origin import Origin
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy.flow_payloads import FlowPayload, only_rewritten
from lightagent.domain.policy.phases import ApprovalPayload, Decision, Passed, Phase, Subject
from lightagent.ports.policy import Gate

PayloadT = TypeVar("PayloadT", bound=FlowPayload | ApprovalPayload)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A gate forbids to go on.

    Attributes:
        error: the reason, for the caller.
        decisions: those that led to it.
    """

    error: LightAgentErrorInfo
    decisions: tuple[Decision, ...] = ()


class FlowGate:
    """The gates of one run of a flow, those of the flows around it first.

    Args:
        events: of the run so far, which tell what was reviewed before.
    """

    def __init__(self, gates: tuple[Gate, ...], events: Iterable[FlowEvent] = ()) -> None:
        self.gates = gates
        self._reviewer = Reviewer(gates)
        self._passed: set[tuple[str, int]] = set()
        self._decisions: dict[tuple[str, int], tuple[Decision, ...]] = {}
        for event in events:
            self._note(event)

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies behind the gates."""
        return self._reviewer.policies

    def reviews(self, phase: Phase) -> bool:
        """Whether any gate reviews this phase."""
        return self._reviewer.reviews(phase)

    def has_passed(self, path: str, epoch: int) -> bool:
        """Whether the query of a step, as it is now, was reviewed."""
        return (path, epoch) in self._passed or not self.reviews("flow_step")

    def let_pass(self, path: str, epoch: int, decisions: tuple[Decision, ...]) -> None:
        """Let a reviewed step begin; its decisions go on record with that."""
        self._passed.add((path, epoch))
        self._decisions[path, epoch] = decisions

    def forget(self, path: str, epoch: int) -> None:
        """Forget the review of a step whose query has changed."""
        self._passed.discard((path, epoch))

    def take_decisions(self, path: str, epoch: int) -> tuple[Decision, ...]:
        """The decisions about a step that begins now; returned once."""
        return self._decisions.pop((path, epoch), ())

    async def review(
        self, phase: Phase, state: FlowState, path: str, payload: PayloadT, agent: str = ""
    ) -> Passed[PayloadT] | Forbidden:
        """The verdict about something at a step, or about the run."""
        if not self.reviews(phase):
            return Passed(payload)
        started = state.started
        origin = Origin(
            state.run_id,
            started.trace_id,
            started.parent_trace_id,
            started.run_group_id or state.run_id,
            agent,
            started.scope,
            flow_id=state.run_id,
            step=path,
        )
        verdict = await self._reviewer.review(phase, Subject(origin, path), payload)
        if isinstance(verdict, Passed):
            return verdict if _is_allowed(payload, verdict.payload) else _too_much(phase, verdict.decisions)
        error = outcome_error(verdict.outcome) or LightAgentErrorInfo("LA-HOOK", f"A policy ended {phase}.")
        return Forbidden(error, verdict.decisions)

    def _note(self, event: FlowEvent) -> None:
        match event:
            case AttemptStarted(decisions=decisions) | StepApprovalRequested(decisions=decisions, about="run"):
                if not any(decision.action in ("block", "error") for decision in decisions):
                    self._passed.add((event.path, event.epoch))
            case StepApprovalDecided(decision=decision) if decision.action == "edit":
                self.forget(event.path, event.epoch)
            case AttemptFailed(then="fail"):
                self.forget(event.path, event.epoch)
            case RerunRequested():
                pass  # A step that is done again has another epoch.
            case _:
                pass


def _is_allowed(before: FlowPayload | ApprovalPayload, after: object) -> bool:
    """Whether only what a policy may change was changed."""
    if isinstance(before, ApprovalPayload):
        return isinstance(after, ApprovalPayload) and after.request == before.request
    return isinstance(after, FlowPayload) and only_rewritten(before, after)


def _too_much(phase: Phase, decisions: tuple[Decision, ...]) -> Forbidden:
    by = next((one.by for one in reversed(decisions) if one.action == "rewrite"), "A policy")
    text = f"{by} changed what no policy can change at {phase}."
    failed = Decision(phase, by, "error", "It changed what no policy can change.")
    return Forbidden(LightAgentErrorInfo("LA-HOOK", text, "See the table of phases."), (*decisions, failed))


def check_policies(started: tuple[str, ...], gate: FlowGate | None) -> None:
    """Raise if a policy that the run was begun with is missing.

    Raises:
        ConfigurationError: they are missing.
    """
    missing = set(started) - set(() if gate is None else gate.policies)
    if missing:
        raise ConfigurationError(
            f"The run was begun with {', '.join(sorted(missing))}, which this flow lacks.",
            guidance="Go on with a flow that has the same hooks, under the same names.",
        )
