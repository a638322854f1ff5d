"""Candidates as those see them who decide about them outside of runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightagent.application.check_options import check_text
from lightagent.application.memory_candidates import MemoryCandidates
from lightagent.application.memory_means import MemoryMeans, MemoryPlace
from lightagent.application.promote_memory import MemoryPromoter
from lightagent.application.serve_run import Alone
from lightagent.application.track_lessons import LessonTracker
from lightagent.application.write_memory import context_of
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import AlreadyDecided, PolicyError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory import MemoryCandidate, MemoryPromotionDecision
from lightagent.domain.memory_admission import read_promotion
from lightagent.domain.memory_candidates import CandidateState
from lightagent.domain.origin import Origin
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy import Stopped, Subject
from lightagent.domain.scopes import Scope
from lightagent.ports.policy import Gate


@dataclass(frozen=True, slots=True)
class CandidateDesk:
    """Lists the candidates of an agent, and takes decisions about them.

    Attributes:
        means: where memories are kept.
        candidates: where candidates are kept.
        promoter: writes what is promoted.
        tracker: counts the uses of what was promoted.
        gates: the policies of the agent, which review a promotion wherever it happens.
    """

    means: MemoryMeans
    candidates: MemoryCandidates
    promoter: MemoryPromoter
    tracker: LessonTracker
    gates: tuple[Gate, ...] = ()

    async def list(self, user_id: str | None = None, tenant: str = "") -> list[MemoryCandidate]:
        """The candidates of a tenant as they are now, the oldest first; of one user, or of all.

        Raises:
            ConfigurationError: the user or the tenant is no text, or what is stored was changed.
            StoreError: a store fails.
        """
        check_text(tenant, "tenant")
        if user_id is not None:
            check_text(user_id, "user_id")
        return [_shown(state) async for state in self.candidates.list(user_id, tenant)]

    async def decide(self, candidate_id: str, decision: object = None, tenant: str = "") -> bool:
        """Decide about a candidate; whether it is a memory now. The first decision holds.

        Args:
            decision: a `MemoryPromotionDecision`, or what `memory_promotion_admission` may answer; None approves.

        Raises:
            AlreadyDecided: somebody else has decided otherwise.
            ConfigurationError: there is no such candidate, or its id or tenant is no text.
            PolicyError: a policy blocks it, or its text must not reach other users.
            StoreError: a store fails.
        """
        # None would mean any candidate, and those of all tenants.
        check_text(candidate_id, "candidate_id")
        check_text(tenant, "tenant")
        scope, state = await self.candidates.find(candidate_id, tenant)
        text = state.candidate.data
        wanted = MemoryPromotionDecision.approve() if decision is None else read_promotion(decision, text)
        was_open = state.is_open
        subject = _subject(scope, state)
        place = MemoryPlace(
            state.owner, state.candidate.original_user_id, state.candidate.source, state.candidate.scope
        )
        context = {**context_of(subject, place), "candidate_id": candidate_id}
        run = Alone(subject, self.gates)
        after, stopped = await self.promoter.decide(run, scope, state, context, wanted)
        _check(after, stopped, wanted, was_open=was_open)
        return after.candidate.status == "promoted"


def _shown(state: CandidateState) -> MemoryCandidate:
    """The candidate, with how often it was recalled and of use."""
    if not state.recalled:
        return state.candidate
    counts: JsonObject = {"recalled": state.recalled, "used": state.used}
    return replace(state.candidate, metadata={**state.candidate.metadata, **counts})


def _check(after: CandidateState, stopped: Stopped | None, wanted: MemoryPromotionDecision, *, was_open: bool) -> None:
    status, decided = after.candidate.status, after.decided
    if stopped is not None:
        error = outcome_error(stopped.outcome)
        raise PolicyError("A policy blocks it.") if error is None else error_from_info(error)
    if wanted.promotes and status == "blocked":
        raise PolicyError(
            f"The candidate {after.candidate.candidate_id} was not promoted. {decided.reason if decided else ''}",
            guidance="Rewrite it: MemoryPromotionDecision.rewrite(text).",
        )
    if not was_open and wanted.promotes != (status == "promoted"):
        raise AlreadyDecided(
            f"The candidate {after.candidate.candidate_id} is {status}; the first decision holds.", guidance=""
        )


def _subject(scope: Scope, state: CandidateState) -> Subject:
    candidate = state.candidate
    origin = Origin(
        candidate.run_id or "",
        candidate.trace_id or "",
        candidate.parent_trace_id or "",
        candidate.run_group_id or "",
        candidate.agent_name or "",
        scope,
    )
    return Subject(origin, "lessons")
