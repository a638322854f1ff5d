"""Format memory candidates: one line each, or one in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.learning.lesson_ratings import LessonTally
from lightagent.domain.memory.candidates import CandidateState
from lightagent.entrypoints.cli.memory.stores import flat
from lightagent.entrypoints.cli.stores import to_minute

_RULES: Final = {
    "undecided": "nothing has decided yet",
    "person": "a person",
    "memory_promotion_admission": "memory_promotion_admission of the memory policy",
    "policies": "a hook or gate",
    "reject_write_patterns": "reject_write_patterns of the memory policy",
    "not_a_memory": "it is empty or too long",
    "other_users": "it repeats what a user said",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate and, if it was promoted, how often runs used it as a memory."""

    state: CandidateState
    tally: LessonTally | None = None

    @property
    def status(self) -> str:
        """Its status; `expired` once the memory has expired."""
        expired = self.tally is not None and bool(self.tally.ended)
        return "expired" if expired else self.state.candidate.status

    @property
    def recipients(self) -> str:
        """The users whose later runs get it as a memory."""
        owner = self.state.owner
        whom = f"user {owner.user}" if owner.user else "all users"
        return whom + (f" of tenant {owner.tenant}" if owner.tenant else "")

    def to_dict(self) -> JsonObject:
        """Return it as JSON, without what the user said in its run."""
        state, decided = self.state, self.state.decided
        owner, uses = state.owner, None if self.tally is None else asdict(self.tally)
        known: JsonObject = {
            **state.candidate.to_dict(),
            "status": self.status,
            "injectable": state.candidate.injectable and self.status == "promoted",
            "owner": to_json_object(asdict(owner), "owner"),
            "for_everybody": not owner.user,
            "proposed_at": state.proposed_at,
            "uses": None if uses is None else to_json_object(uses, "uses"),
        }
        if decided is None:
            return {**known, "decision": None}
        names = ("status", "by", "rule", "reason", "actor", "at", "rewritten")
        return {**known, "decision": {name: getattr(decided, name) for name in names}}


def candidate_line(one: Candidate) -> str:
    """Format a candidate as one line of a listing."""
    state = one.state
    learned = f"agent {state.owner.agent}, for {one.recipients}"
    text = flat(state.candidate.data)
    return f"{state.candidate.candidate_id} · {one.status} · {learned} · {to_minute(state.proposed_at)} · {text}"


def candidate_lines(one: Candidate) -> Iterator[str]:
    """Format a candidate in full."""
    state, candidate = one.state, one.state.candidate
    yield f"candidate  {candidate.candidate_id}"
    yield f"status     {one.status}" + ("; it can be decided" if state.is_open else "")
    yield f"for        {one.recipients}"
    if why := candidate.metadata.get("not_for_everybody"):
        yield f"           The model proposed it for all users. {why}"
    namespace = f", namespace {state.owner.namespace}" if state.owner.namespace else ""
    yield f"agent      {state.owner.agent}{namespace}"
    confidence = "" if candidate.confidence is None else f", confidence {candidate.confidence:g}"
    yield f"learned    {to_minute(state.proposed_at)} in run {candidate.run_id or '?'}{confidence}"
    if untrusted := candidate.metadata.get("untrusted"):
        yield f"untrusted  the run had read text of {_names(untrusted)}"
    yield from _decision(state)
    if one.tally is not None:
        yield f"use        {_uses(one.tally)}"
    yield "text"
    for line in candidate.data.split("\n"):
        yield f"  {line}"


def lessons_text(count: int) -> str:
    """Format a number of lessons."""
    return f"{count:,} {'lesson' if count == 1 else 'lessons'}"


def _decision(state: CandidateState) -> Iterator[str]:
    decided = state.decided
    if decided is None:
        return
    who = f" ({decided.actor})" if decided.actor else ""
    yield f"decision   {decided.status} by {_RULES[decided.rule]}{who}, {to_minute(decided.at)}"
    if decided.reason:
        yield f"reason     {decided.reason}"
    if decided.rewritten:
        yield "           It was promoted with a different text."


def _uses(tally: LessonTally) -> str:
    counts = f"recalled by {tally.recalled:,} runs, used by {tally.used:,}"
    rated = f"; {tally.rated:,} rated, {tally.helped:,} of them well"
    return counts + (rated if tally.rated else "") + (f"; it expired by {tally.ended}" if tally.ended else "")


def _names(untrusted: object) -> str:
    return ", ".join(map(str, untrusted)) if isinstance(untrusted, list) else str(untrusted)
