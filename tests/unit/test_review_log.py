"""What can follow in the log of a review, and who may decide what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from lightagent import (
    AlreadyDecided,
    ApprovalDecision,
    ApprovalRequest,
    ConfigurationError,
    JsonObject,
    PolicyError,
    Review,
)
from lightagent.domain.review.log import (
    ReviewDecided,
    ReviewEntry,
    ReviewExpired,
    ReviewRequested,
    ReviewReturned,
    ReviewRevoked,
    ReviewTaken,
    ReviewUsed,
    advance_review,
    check_decision,
    same_decision,
)
from lightagent.domain.review.requests import MOST_SHOWN, can_be_shown, hash_arguments, request_id_of, shown_part

ARGUMENTS: JsonObject = {"amount": 5, "to": "ann"}
REQUEST = ApprovalRequest(
    "r", "pay", ARGUMENTS, hash_arguments(ARGUMENTS), agents=("till",), run_id="1", call_id="c", expires_at=100.0
)
APPROVE, REJECT = ApprovalDecision.approve(actor="carol"), ApprovalDecision.reject("no", actor="carol")

ENTRIES: dict[str, ReviewEntry] = {
    "requested": ReviewRequested(REQUEST),
    "requested again": ReviewRequested(replace(REQUEST, round=2)),
    "decided": ReviewDecided(APPROVE, 2.0),
    "taken": ReviewTaken(True, 3.0),
    "returned": ReviewReturned(4.0),
    "used": ReviewUsed(4.0),
    "expired": ReviewExpired(100.0),
    "expired too early": ReviewExpired(99.0),
    "revoked": ReviewRevoked("carol", at=3.0),
}
ROADS: dict[str, list[str]] = {
    "waiting": ["requested"],
    "decided": ["requested", "decided"],
    "taken": ["requested", "decided", "taken"],
    "used": ["requested", "decided", "taken", "used"],
    "expired": ["requested", "expired"],
    "revoked": ["requested", "decided", "revoked"],
}
FOLLOWS: dict[str, dict[str, str]] = {
    "waiting": {"decided": "decided", "expired": "expired", "revoked": "revoked", "requested again": "waiting"},
    "decided": {"taken": "taken", "expired": "expired", "revoked": "revoked", "requested again": "waiting"},
    "taken": {"taken": "taken", "returned": "decided", "used": "used", "requested again": "waiting"},
    "used": {"requested again": "waiting"},
    "expired": {"requested": "waiting", "requested again": "waiting"},
    "revoked": {"requested": "waiting", "requested again": "waiting"},
}


def at(status: str) -> Review:
    """A review in this status."""
    review: Review | None = None
    for name in ROADS[status]:
        review = advance_review(review, ENTRIES[name])
    assert review is not None
    assert (review.status, review.head) == (status, len(ROADS[status]))
    return review


@pytest.mark.parametrize("status", FOLLOWS)
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_may_follow_follows_and_nothing_else(status: str, entry: str) -> None:
    expected = FOLLOWS[status].get(entry)
    if expected is None:
        with pytest.raises(ConfigurationError, match="this cannot follow"):
            advance_review(at(status), ENTRIES[entry])
    else:
        review = advance_review(at(status), ENTRIES[entry])
        assert (review.status, review.head) == (expected, len(ROADS[status]) + 1)
        assert (review.decision is None) == (expected in ("waiting", "expired", "revoked"))


def test_a_log_begins_with_its_request() -> None:
    with pytest.raises(ConfigurationError, match="begins with review_requested"):
        advance_review(None, ENTRIES["decided"])


def test_arguments_that_are_not_those_of_the_hash_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="the arguments are not those"):
        advance_review(None, ReviewRequested(replace(REQUEST, arguments={"amount": 5_000, "to": "ann"})))


@pytest.mark.parametrize("status", ["decided", "taken", "used", "expired", "revoked"])
def test_a_second_decision_is_refused_with_what_to_do(status: str) -> None:
    with pytest.raises(PolicyError) as refused:
        check_decision(at(status), REJECT)
    assert refused.value.guidance
    assert isinstance(refused.value, AlreadyDecided) == (status in ("decided", "taken", "used"))
    if status in ("decided", "taken", "used"):
        assert "approve by carol" in refused.value.message


def test_a_decision_expires_with_its_request_whether_anybody_has_noticed_or_not() -> None:
    for status in ("waiting", "decided"):
        assert at(status).as_of(99.9).status == status
        assert at(status).as_of(100.0).status == "expired"
        assert at(status).as_of(100.0).decision is None
    assert at("taken").as_of(100.0).status == "taken"  # A run goes on with it already.
    assert replace(at("waiting"), request=replace(REQUEST, expires_at=None)).as_of(1e12).status == "waiting"


DECISIONS: dict[str, Callable[..., ApprovalDecision]] = {
    "approve": ApprovalDecision.approve,
    "reject": ApprovalDecision.reject,
    "edit": partial(ApprovalDecision.edit, {"amount": 1}),
    "respond": partial(ApprovalDecision.respond, "paid in cash"),
}


@pytest.mark.parametrize("action", DECISIONS)
@pytest.mark.parametrize("actor", ["ann", "Ann", " ann ", "\uff41nn", "an\u200bn", "", "  ", "bob"])
def test_who_asked_may_reject_and_nothing_else(action: str, actor: str) -> None:
    """A capital, a blank, a full-width letter or an invisible one does not make somebody else of ann."""
    review = Review(replace(REQUEST, user_id="ann", separate_reviewer=True))
    decision = DECISIONS[action](actor=actor)
    if action == "reject" or actor == "bob":
        check_decision(review, decision)
        assert advance_review(review, ReviewDecided(decision, 1.0)).status == "decided"
        return
    with pytest.raises(PolicyError, match=r"may reject|must be named"):
        check_decision(review, decision)
    with pytest.raises(ConfigurationError, match="cannot follow"):  # Nor does the fold take it from a store.
        advance_review(review, ReviewDecided(decision, 1.0))


@pytest.mark.parametrize("action", DECISIONS)
def test_a_call_that_is_not_shown_completely_is_not_approved(action: str) -> None:
    review = Review(replace(REQUEST, complete=False, arguments={}))
    if action == "approve":
        with pytest.raises(PolicyError, match="cannot be shown completely"):
            check_decision(review, DECISIONS[action]())
    else:
        check_decision(review, DECISIONS[action]())


def test_what_can_be_shown_has_an_end() -> None:
    assert can_be_shown({"text": "x" * (MOST_SHOWN - 20)})
    long: JsonObject = {"text": "x" * MOST_SHOWN, "to": "ann"}
    assert not can_be_shown(long)
    part = shown_part(long)
    assert len(str(part)) < 1_000
    assert part["to"] == '"ann"'


def test_a_hash_is_of_the_values_and_not_of_their_order() -> None:
    assert hash_arguments({"a": 1, "b": [2]}) == hash_arguments({"b": [2], "a": 1})
    different: list[JsonObject] = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": None}, {}, {"a": [1]}, {"b": 1}]
    assert len({hash_arguments(one) for one in different}) == len(different)


def test_ids_of_requests_differ_wherever_the_calls_do() -> None:
    parts = [("1", "1", 1, "c"), ("1", "1", 2, "c"), ("1", "2", 1, "c"), ("2", "1", 1, "c"), ("1", "1", 1, "d")]
    assert len({request_id_of(*one) for one in parts}) == len(parts)
    assert request_id_of("1", "1", 1, "c") == request_id_of("1", "1", 1, "c")


@pytest.mark.parametrize("action", DECISIONS)
def test_the_same_decision_is_told_from_another(action: str) -> None:
    decision = DECISIONS[action](actor="carol")
    assert same_decision(decision, DECISIONS[action]("for another reason", actor="carol"))
    assert not same_decision(decision, DECISIONS[action](actor="dave"))
    assert not same_decision(None, decision)
    others = [make(actor="carol") for name, make in DECISIONS.items() if name != action]
    assert not any(same_decision(decision, other) for other in others)
    assert not same_decision(ApprovalDecision.edit({"a": 1}), ApprovalDecision.edit({"a": True}))
