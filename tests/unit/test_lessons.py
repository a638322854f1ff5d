"""Whether a lesson may reach other users, and what follows what in the life of a candidate."""

from __future__ import annotations

import pytest

from lightagent import ConfigurationError, MemoryCandidate, MemoryOwner
from lightagent.domain.lessons import is_used, tells_user
from lightagent.domain.memory_candidates import (
    CandidateDecided,
    CandidateEntry,
    CandidateProposed,
    CandidateState,
    CandidateWithdrawn,
    CandidateWritten,
    advance_candidate,
)

WORDS = "I am Maria Sanchez, customer K-4711; please send my invoices to maria@example.com every first of the month."


@pytest.mark.parametrize(
    "text",
    [
        "MARIA-77 wants invoices early.",
        "maria 77 wants invoices early.",
        "Invoices go to maria@example.com.",
        "K-4711 pays late.",
        "Ms Sanchez pays late.",
        "Customers want invoices every first of the month.",
    ],
)
def test_what_tells_of_the_user_is_found(text: str) -> None:
    assert tells_user(text, ("maria-77",), WORDS) is not None


@pytest.mark.parametrize(
    "text", ["Ask when invoices are wanted.", "Say which day an invoice is sent.", "Invoices are wanted by mail."]
)
def test_what_tells_nothing_of_the_user_may_be_told(text: str) -> None:
    assert tells_user(text, ("maria-77",), WORDS) is None


def test_words_without_spaces_between_them_are_compared_too() -> None:
    assert tells_user("发票每月一号寄给顾客", ("u",), "请把发票每月一号寄给我") is not None
    assert tells_user("先问顾客想要什么", ("u",), "请把发票每月一号寄给我") is None


def test_a_lesson_is_used_where_the_answer_takes_up_what_the_query_did_not_say() -> None:
    assert is_used("Offer a window seat first.", "Which seat?", "I offer you a window.")
    assert not is_used("Offer a window seat first.", "Offer a window seat first?", "A window seat, first.")
    assert not is_used("Offer a window seat first.", "Hello.", "Goodbye.")


PROPOSED = CandidateProposed(
    MemoryCandidate("text", "u", "u", "reflection", "agent", candidate_id="c"), MemoryOwner(), ""
)
PROMOTED = CandidateDecided("promoted", "person", text="text")


def after(*entries: CandidateEntry) -> CandidateState:
    state: CandidateState | None = None
    for entry in entries:
        state = advance_candidate(state, entry)
    assert state is not None
    return state


def test_a_candidate_is_open_until_it_is_promoted_or_rejected() -> None:
    for status in ("kept", "blocked"):
        assert after(PROPOSED, CandidateDecided(status, "policy")).is_open
    assert not after(PROPOSED, CandidateDecided("rejected", "person")).is_open
    promoted = after(PROPOSED, PROMOTED, CandidateWritten("c"))
    assert (promoted.is_open, promoted.written, promoted.candidate.injectable) == (False, True, True)
    withdrawn = after(PROPOSED, PROMOTED, CandidateWithdrawn("no"))
    assert (withdrawn.candidate.status, withdrawn.candidate.injectable) == ("rejected", False)


IMPOSSIBLE: dict[str, tuple[CandidateEntry, ...]] = {
    "proposed twice": (PROPOSED, PROPOSED),
    "decided before it was proposed": (PROMOTED,),
    "decided twice": (PROPOSED, PROMOTED, CandidateDecided("rejected", "person")),
    "written without a decision": (PROPOSED, CandidateWritten("c")),
    "written twice": (PROPOSED, PROMOTED, CandidateWritten("c"), CandidateWritten("c")),
    "withdrawn without a decision": (PROPOSED, CandidateWithdrawn("no")),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_have_happened_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot have happened"):
        after(*IMPOSSIBLE[name])
