"""Whether a lesson may reach other users, and what follows what in the life of a candidate."""

from __future__ import annotations

from time import perf_counter

import pytest

from lightagent import ConfigurationError, MemoryCandidate, MemoryOwner
from lightagent.domain.learning.lesson_privacy import MOST_COMPARED, ConversationTexts, tells_user
from lightagent.domain.learning.lessons import is_used
from lightagent.domain.memory.candidates import (
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
    assert tells_user(text, ("maria-77",), ConversationTexts(WORDS)) is not None


@pytest.mark.parametrize(
    "text", ["Ask when invoices are wanted.", "Say which day an invoice is sent.", "Invoices are wanted by mail."]
)
def test_what_tells_nothing_of_the_user_may_be_told(text: str) -> None:
    assert tells_user(text, ("maria-77",), ConversationTexts(WORDS)) is None


def test_words_without_spaces_between_them_are_compared_too() -> None:
    assert tells_user("发票每月一号寄给顾客", ("u",), ConversationTexts("请把发票每月一号寄给我")) is not None
    assert tells_user("先问顾客想要什么", ("u",), ConversationTexts("请把发票每月一号寄给我")) is None


def test_a_lesson_is_used_where_the_answer_takes_up_what_the_query_did_not_say() -> None:
    assert is_used("Offer a window seat first.", "Which seat?", "I offer you a window.")
    assert not is_used("Offer a window seat first.", "Offer a window seat first?", "A window seat, first.")
    assert not is_used("Offer a window seat first.", "Hello.", "Goodbye.")


PROPOSED = CandidateProposed(
    MemoryCandidate("text", "u", "u", "reflection", "agent", candidate_id="c"), MemoryOwner(), ConversationTexts("")
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


ATTACKS: dict[str, str] = {
    "another case": "SANCHEZ pays late.",
    "the id in pieces": "M-a-r-i-a 7 7 wants invoices early.",
    "a part of the id": "What Maria wants comes first.",
    "Cyrillic letters in a name": "Ms S\u0430nch\u0435z pays late.",
    "Cyrillic letters in the id": "m\u0430ri\u0430-77 wants invoices early.",
    "accents": "Ms S\u00e1nchez pays late.",
    "letters of full width": "Ms \uff33\uff41\uff4e\uff43\uff48\uff45\uff5a pays late.",
    "letters that cannot be seen": "Ms San\u200bchez pays late.",
    "a control character": "Ms San\x08chez pays late.",
    "a soft hyphen in a number": "Customers like K\u00ad-4711 pay late.",
    "a number in groups": "Whoever has 47 11 pays late.",
    "a number with dashes": "Whoever has 4-7-1-1 pays late.",
    "a number in words": "Whoever has forty-seven eleven pays late.",
    "a number digit by digit": "Whoever has four seven one one pays late.",
    "digits of another script": "Whoever has \u0664\u0667\u0661\u0661 pays late.",
    "a number as a piece": "Whoever has 004711-2 pays late.",
    "an address spelled out": "Invoices go to maria at example dot com.",
    "an address in pieces": "Invoices go to the one called m a r i a.",
    "the host of an address": "Invoices go to somebody at Example.",
    "a name within a longer word": "The ms_sanchez_account pays late.",
    "a name without a space before it": "MsSanchez pays late.",
    "a name in the plural": "Sanchezes pay late.",
    "a name letter by letter": "S-a-n-c-h-e-z pays late.",
    "a name with letters apart": "Somebody called s a n c h e z pays late.",
    "a number with lines below": "Whoever has 4_7_1_1 pays late.",
    "a number half in words": "Whoever has forty seven 11 pays late.",
    "four words in a row": "Accounting says: every first of the quarter.",
    "words in a row but for articles": "People pay in every first month.",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_tells_of_the_user_is_found_in_another_spelling(name: str) -> None:
    assert tells_user(ATTACKS[name], ("maria-77",), ConversationTexts(WORDS)) is not None


def test_a_short_name_is_a_word_and_no_piece_of_one() -> None:
    for lesson, user, named in (
        ("Trips are planned early.", "ann", False),
        ("Ann plans early.", "ann", True),
        ("ANN, plan early.", "ann", True),
        ("A-n-n plans early.", "ann", True),
        ("The ann_account is planned early.", "ann", True),
        ("Whoever is four seven one one plans early.", "4711", True),
        ("Trips to JavaLand are planned.", "ann", False),
        ("\u674e\u660e\u60f3\u8981\u7a97\u6237", "\u674e\u660e", True),
        ("\u5c0f\u674e\u60f3\u8981\u7a97\u6237", "\u674e", True),
    ):
        assert (tells_user(lesson, (user,), ConversationTexts("")) is not None) is named, lesson


def test_names_count_in_whatever_case_either_writes_them() -> None:
    for lesson, words in (
        ("People called Dupont want a window seat.", "a seat for mr dupont"),
        ("People called dupont want a window seat.", "A seat for Mr Dupont."),
        ("The Dupont account pays late.", "Dupont here: when is my train?"),
        ("Jean-Luc wants a window seat.", "A seat for Jean-Luc."),
        ("Trains to \u041b\u0438\u043e\u043d are full.", "Tickets to \u041b\u0438\u043e\u043d, please."),
    ):
        assert tells_user(lesson, (), ConversationTexts(words)) == "It repeats a name that was told."


def test_an_address_that_the_user_spells_out_counts_as_one() -> None:
    said = ConversationTexts("write me at maria.s (at) example dot com")
    assert tells_user("Invoices go to example.", (), said) is not None


def test_what_the_agent_said_of_the_user_may_not_be_told_either() -> None:
    said = ConversationTexts("Where do I live?", "You live in Lyon, Rue Garibaldi 4711.")
    for lesson in ("Those in Lyon want trains.", "Whoever lives at 4711 wants trains.", "Ask for garibaldi."):
        assert tells_user(lesson, ("ann",), said) is not None
    assert tells_user("Say where somebody lives only if you know it.", ("ann",), said) is None


NOT_KNOWN: dict[str, str] = {
    "a paraphrase": "Whoever bills late in the month loses the lady with the Spanish name.",
    "a translation": "Facturas al principio del mes.",
    "another encoding": "Whoever has 0x1267 pays late.",
    "letters that digits stand for": "Ms S4nch3z pays late.",
    "letters read backwards": "Ms zehcnaS pays late.",
    "words without spaces": "Say everyfirstofthequarter.",
    "a synonym of a number": "Whoever has four thousand seven hundred and eleven pays late.",
    "the first word of two sentences": "Invoices matter.",
}


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_what_no_comparison_of_words_can_know_is_left_to_people(name: str) -> None:
    """The docs say so. Where one of these is found one day, they have to be changed."""
    assert tells_user(NOT_KNOWN[name], ("maria-77",), ConversationTexts(WORDS)) is None


def test_a_lesson_from_a_run_that_is_too_long_to_be_compared_stays_with_its_user() -> None:
    assert tells_user("Be brief.", (), ConversationTexts("a " * (MOST_COMPARED // 2))) is None
    assert tells_user("Be brief.", (), ConversationTexts("a " * (MOST_COMPARED // 2), "b")) is not None


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "a@", "a at ", ".", "four ", "A ", "\u0430", "@", "www.", "a_", "aB", "a-", "four 1 "]
)
def test_long_texts_are_compared_in_linear_time(piece: str) -> None:
    words = (piece * MOST_COMPARED)[:MOST_COMPARED]
    started = perf_counter()
    tells_user((piece * 1_000)[:1_000] + " x", ("maria-77",), ConversationTexts(words))
    assert perf_counter() - started < 10.0
