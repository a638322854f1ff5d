"""Candidates for memories, as people see them who decide about them outside of runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightagent.application.check_options import check_text
from lightagent.application.memory.candidates import MemoryCandidates
from lightagent.application.memory.means import MemoryPlace
from lightagent.application.memory.promote import MemoryPromoter, Promotion
from lightagent.application.memory.track_lessons import LessonTracker
from lightagent.application.memory.write import context_of
from lightagent.application.run_loop.serve_run import Alone
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import AlreadyDecided, PolicyError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.learning.lesson_ratings import LessonTally
from lightagent.domain.memory.admission import read_promotion
from lightagent.domain.memory.candidates import CandidateState
from lightagent.domain.memory.memories import MemoryCandidate, MemoryPromotionDecision
from lightagent.domain.origin import Origin
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy.phases import Subject
from lightagent.domain.scopes import Scope
from lightagent.ports.policy import Gate


@dataclass(frozen=True, slots=True)
class CandidateDesk:
    """Lists the candidates of an agent, and takes decisions about them.

    Attributes:
        candidates: where candidates are kept.
        promoter: writes what is promoted.
        tracker: counts the uses of what was promoted.
        gates: the policies of the agent, which review a promotion wherever it happens.
    """

    candidates: MemoryCandidates
    promoter: MemoryPromoter
    tracker: LessonTracker
    gates: tuple[Gate, ...] = ()

    async def list(self, user_id: str | None = None, tenant: str = "") -> list[MemoryCandidate]:
        """The candidates of a tenant as they are now, the oldest first; of one user, or of all.

        Raises:
            ConfigurationError: the user or the tenant is not text, or the stored candidate was changed.
            StoreError: a store fails.
        """
        check_text(tenant, "tenant")
        if user_id is not None:
            check_text(user_id, "user_id")
        return [await self._shown(state) async for state in self.candidates.list(user_id, tenant)]

    async def _check_alive(self, state: CandidateState) -> None:
        tally = None if state.is_open else await self.tracker.tally(state.owner, state.candidate.candidate_id)
        if tally is not None and tally.ended:
            raise AlreadyDecided(
                f"The candidate {state.candidate.candidate_id} was promoted, and has expired ({tally.ended}).",
                guidance="What a later run learns is a candidate of its own.",
            )

    async def _shown(self, state: CandidateState) -> MemoryCandidate:
        promoted = state.candidate.status == "promoted"
        tally = await self.tracker.tally(state.owner, state.candidate.candidate_id) if promoted else None
        return shown(state, tally)

    async def decide(self, candidate_id: str, decision: object = None, tenant: str = "", actor: str = "") -> bool:
        """Decide about a candidate; returns whether it is a memory now. The first decision counts.

        Args:
            decision: a `MemoryPromotionDecision`, or what `memory_promotion_admission` may answer; None approves.
            actor: who decides, for the record.

        Raises:
            AlreadyDecided: another decision came first, or at the same time, or was about another text; or it was
                promoted and has expired.
            ConfigurationError: the candidate does not exist, or its id or tenant is not text.
            PolicyError: a policy blocks it, or its text must not reach other users.
            StoreError: a store fails.
        """
        # None would mean any candidate, and those of all tenants.
        check_text(candidate_id, "candidate_id")
        check_text(tenant, "tenant")
        scope, state = await self.candidates.find(candidate_id, tenant)
        text = state.candidate.data
        wanted = MemoryPromotionDecision.approve() if decision is None else read_promotion(decision, text)
        await self._check_alive(state)
        subject = _subject(scope, state)
        place = MemoryPlace(
            state.owner, state.candidate.original_user_id, state.candidate.source, state.candidate.scope
        )
        context = {**context_of(subject, place), "candidate_id": candidate_id}
        run = Alone(subject, self.gates)
        promotion = await self.promoter.decide(run, scope, state, context, wanted, actor)
        _check(promotion, wanted, wanted.value or text)
        return promotion.state.candidate.status == "promoted"


def shown(state: CandidateState, tally: LessonTally | None) -> MemoryCandidate:
    """The candidate with its decision, how often it was used as a memory, and why it no longer is one.

    These are kept in the metadata, since a candidate has no other place for them.
    """
    candidate = state.candidate
    if (decided := state.decided) is not None:
        told: JsonObject = {"by": decided.by, "rule": decided.rule, "reason": decided.reason, "actor": decided.actor}
        candidate = replace(candidate, metadata={**candidate.metadata, "decision": told})
    if tally is None:
        return candidate
    counts: JsonObject = {name: getattr(tally, name) for name in ("recalled", "used", "rated", "helped")}
    if not tally.ended:
        return replace(candidate, metadata={**candidate.metadata, **counts})
    known: JsonObject = {**candidate.metadata, **counts, "expired": tally.ended}
    return replace(candidate, status="expired", injectable=False, metadata=known)


def _check(promotion: Promotion, wanted: MemoryPromotionDecision, text: str) -> None:
    """Raise if the decision did not have the requested result.

    Args:
        text: what was to be remembered.
    """
    candidate, decided = promotion.state.candidate, promotion.state.decided
    if promotion.stopped is not None:
        error = outcome_error(promotion.stopped.outcome)
        raise PolicyError("A policy blocks it.") if error is None else error_from_info(error)
    if wanted.promotes and candidate.status == "blocked":
        raise PolicyError(
            f"The candidate {candidate.candidate_id} was not promoted. {decided.reason if decided else ''}",
            guidance="Rewrite it: MemoryPromotionDecision.rewrite(text), or --text at the command line.",
        )
    if promotion.is_ours:
        return
    known = f"The candidate {candidate.candidate_id} is {candidate.status}"
    if wanted.promotes != (candidate.status == "promoted"):
        raise AlreadyDecided(f"{known}; the first decision holds.", guidance="")
    if wanted.promotes and decided is not None and not decided.is_about(text):
        raise AlreadyDecided(f"{known} with another text; the first decision holds.", guidance="")


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
