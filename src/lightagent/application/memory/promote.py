"""Decides what becomes of a candidate: the policies, then the memory policy or a person. The first decision holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightagent.application.memory.candidates import MemoryCandidates
from lightagent.application.memory.means import MemoryMeans, MemoryPlace
from lightagent.application.memory.write import MemoryWriter
from lightagent.application.policies.handler import Fault, Handler
from lightagent.domain.json_types import JsonObject
from lightagent.domain.learning.lesson_privacy import tells_user
from lightagent.domain.memory.admission import read_promotion
from lightagent.domain.memory.candidates import (
    CandidateDecided,
    CandidateState,
    CandidateStatus,
    CandidateWithdrawn,
    CandidateWritten,
    PromotionRule,
    text_digest,
)
from lightagent.domain.memory.memories import MemoryCandidate, MemoryPromotionDecision
from lightagent.domain.memory.records import MOST_SUPERSEDED, MOST_TEXT, MemoryRecord, names_too_many
from lightagent.domain.memory.trace import MemoryEvent
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy.memory_payloads import MemoryPromotedPayload, MemoryPromotionPayload, MemoryWrittenPayload
from lightagent.domain.policy.phases import Stopped
from lightagent.domain.scopes import Scope
from lightagent.domain.text.characters import visible
from lightagent.ports.context import ServedRun


@dataclass(frozen=True, slots=True)
class _Case:
    """A candidate that is decided about.

    Attributes:
        run: reviews each step, and takes what is put on record.
        scope: whose candidate it is.
        context: what a promotion policy is told.
        by: who decides.
        actor: the name of the person, if it is one who gave it.
        asked: the text that the person wants to be remembered.
    """

    run: ServedRun
    scope: Scope
    state: CandidateState
    context: JsonObject
    by: str
    actor: str = ""
    asked: str = ""

    @property
    def rule(self) -> PromotionRule:
        """What decides, where nothing else does."""
        return "person" if self.by == "person" else "memory_promotion_admission"

    @property
    def candidate(self) -> MemoryCandidate:
        return self.state.candidate


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a candidate that somebody decided about.

    Attributes:
        state: the candidate as it is now.
        is_ours: whether this decision is the one on record; it is not where another one was first.
        stopped: the verdict of a policy that stopped it.
    """

    state: CandidateState
    is_ours: bool
    stopped: Stopped | None = None


class MemoryPromoter:
    """Decides about candidates, and writes those that are promoted.

    Args:
        max_age: seconds after which what was promoted is not recalled any more; None: never.

    Raises:
        ConfigurationError: the promotion policy cannot be called.
    """

    def __init__(
        self,
        means: MemoryMeans,
        candidates: MemoryCandidates,
        writer: MemoryWriter,
        max_age: float | None,
    ) -> None:
        self._means = means
        self._candidates = candidates
        self._writer = writer
        self._max_age = max_age
        admission = means.policy.memory_promotion_admission
        self._admission = None
        if admission is not None:
            self._admission = Handler(admission, "memory_promotion_admission", ("candidate", "context"), means.timeout)

    async def decide(
        self,
        run: ServedRun,
        scope: Scope,
        state: CandidateState,
        context: JsonObject,
        decision: MemoryPromotionDecision | None = None,
        actor: str = "",
    ) -> Promotion:
        """What became of the candidate.

        Args:
            decision: of a person; None: the memory policy is asked.
            actor: the name of the person.
        """
        by, asked = ("policy", "") if decision is None else ("person", decision.value or state.candidate.data)
        case = _Case(run, scope, state, context, by, actor, asked)
        if not state.is_open:
            return await self._written_again(case)
        candidate, place = state.candidate, place_of(state)
        payload = MemoryPromotionPayload(
            candidate.to_dict(),
            candidate.data,
            candidate.memory_user_id,
            candidate.original_user_id,
            place.source,
            place.scope,
            None if decision is None else decision.to_dict(),
        )
        verdict = await run.review("memory_promote", payload)
        if isinstance(verdict, Stopped):
            left = await self._left(case, "blocked", "policies", _reason(verdict), by="hooks")
            return replace(left, stopped=verdict)
        text = verdict.payload.data
        if verdict.payload.decision is not None:
            decision = read_promotion(verdict.payload.decision, text)
        if decision is None:
            decision = await self._policy_decision(case, text)
        if not decision.promotes:
            rejected = decision.action == "reject"
            rule = case.rule if self._admission is not None or case.by == "person" else "undecided"
            return await self._left(case, "rejected" if rejected else "kept", rule, decision.reason or "")
        return await self._promoted(case, decision, decision.value or text)

    async def _policy_decision(self, case: _Case, text: str) -> MemoryPromotionDecision:
        if self._admission is None:
            return MemoryPromotionDecision.keep("No policy decides about candidates; a person can.")
        answered = await self._admission.call(replace(case.candidate, data=text), case.context)
        if isinstance(answered, Fault):
            return MemoryPromotionDecision.keep(f"The promotion policy gave no answer. {answered.problem}")
        return read_promotion(answered, text)

    async def _promoted(self, case: _Case, decision: MemoryPromotionDecision, text: str) -> Promotion:
        refused = self._refused(case, text, {**case.candidate.metadata, **decision.metadata})
        if refused is not None:
            return await self._left(case, "blocked", *refused)
        rewritten = text != case.candidate.data
        now = self._means.clock.now()
        expires: JsonObject = {} if self._max_age is None else {"expires_at": now + self._max_age}
        # What identifies the candidate goes before what the decision says.
        known = {**expires, **decision.metadata, "promotion_decision": decision.action, "promoted_at": now}
        asked, reason = text_digest(case.asked) if case.asked not in ("", text) else "", decision.reason or ""
        decided = CandidateDecided(
            "promoted", case.by, case.rule, reason, case.actor, text, known, rewritten, now, asked
        )
        state, is_ours = await self._candidates.add(case.scope, case.candidate.candidate_id, decided)
        if not is_ours:
            return Promotion(state, False)
        event: MemoryEvent = "memory_promotion_rewritten" if rewritten else "memory_promotion_approved"
        case.run.note(event, {**_about(state.candidate), "rule": case.rule, "reason": reason})
        return replace(await self._write(replace(case, state=state)), is_ours=True)

    def _refused(self, case: _Case, text: str, metadata: JsonObject) -> tuple[PromotionRule, str] | None:
        """By which rule and why the text must not become a memory, whether a policy or a person approved it."""
        if not visible(text).strip() or len(text) > MOST_TEXT:
            return "not_a_memory", f"A memory has a text that can be seen, of at most {MOST_TEXT:,} characters."
        if names_too_many(metadata):
            return "not_a_memory", f"A memory takes the place of at most {MOST_SUPERSEDED} others."
        if any(pattern.search(text) for pattern in self._means.policy.write_patterns):
            return "reject_write_patterns", "A pattern that must not be written was found in the text."
        if case.state.owner.user:
            return None
        why = tells_user(text, (case.scope.user,), case.state.said)
        return None if why is None else ("other_users", f"It would reach other users. {why}")

    async def _written_again(self, case: _Case) -> Promotion:
        """What was decided before; a memory that a crash kept from the store gets there now."""
        if case.candidate.status != "promoted" or case.state.written:
            return Promotion(case.state, False)
        return await self._write(case)

    async def _write(self, case: _Case) -> Promotion:
        candidate, place = case.candidate, place_of(case.state)
        metadata = candidate.to_metadata()
        memory_id, now = candidate.candidate_id, self._means.clock.now()
        record = MemoryRecord(memory_id, place.owner, candidate.data, metadata, now)
        await self._writer.keep(case.run, place, record)
        names = {"run_id": candidate.run_id or "", "agent_name": candidate.agent_name or ""}
        self._writer.note(case.run, place, candidate.data, memory_id, **names)
        stopped = await self._stopped(case, place, metadata)
        if stopped is None:
            state, _ = await self._candidates.add(case.scope, memory_id, CandidateWritten(memory_id, now))
            if state.candidate.status != "promoted":  # Policies of another process have taken it back meanwhile.
                await self._writer.take_back(case.run, place, memory_id)
            return Promotion(state, False)
        await self._writer.take_back(case.run, place, memory_id)
        state, _ = await self._candidates.add(case.scope, memory_id, CandidateWithdrawn(_reason(stopped), now))
        # Another process may have written it as well before that was on record; a later one sees that, and removes it.
        await self._writer.take_back(case.run, place, memory_id)
        case.run.note(
            "memory_promotion_blocked", {**_about(state.candidate), "rule": "policies", "reason": _reason(stopped)}
        )
        return Promotion(state, False, stopped)

    async def _stopped(self, case: _Case, place: MemoryPlace, metadata: JsonObject) -> Stopped | None:
        """The verdict of a policy that blocks what has just become a memory."""
        candidate = case.candidate
        about = (candidate.memory_user_id, candidate.original_user_id, place.source, place.scope)
        promoted = MemoryPromotedPayload(candidate.to_dict(), candidate.data, *about, metadata)
        verdict = await case.run.review("memory_promoted", promoted)
        if isinstance(verdict, Stopped):
            return verdict
        written = await case.run.review("memory_written", MemoryWrittenPayload(candidate.data, metadata, *about))
        return written if isinstance(written, Stopped) else None

    async def _left(
        self, case: _Case, status: CandidateStatus, rule: PromotionRule, reason: str, by: str = ""
    ) -> Promotion:
        """Put on record that it does not become a memory, or not yet."""
        now = self._means.clock.now()
        decided = CandidateDecided(status, by or case.by, rule, reason, case.actor, at=now)
        state, is_ours = await self._candidates.add(case.scope, case.candidate.candidate_id, decided)
        if is_ours:
            event: MemoryEvent = "memory_promotion_rejected" if status == "rejected" else "memory_promotion_blocked"
            case.run.note(event, {**_about(state.candidate), "rule": rule, "reason": reason})
        return Promotion(state, is_ours)


def place_of(state: CandidateState) -> MemoryPlace:
    """Where it is a memory."""
    candidate = state.candidate
    return MemoryPlace(state.owner, candidate.original_user_id, candidate.source, candidate.scope)


def _about(candidate: MemoryCandidate) -> JsonObject:
    return {
        "candidate_id": candidate.candidate_id,
        "source": candidate.source,
        "scope": candidate.scope,
        "user_id": candidate.original_user_id,
        "status": candidate.status,
    }


def _reason(stopped: Stopped) -> str:
    error = outcome_error(stopped.outcome)
    return "" if error is None else error.message
