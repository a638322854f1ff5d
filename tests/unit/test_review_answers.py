"""What a function that reviews calls may answer: only what says yes is a yes."""

from __future__ import annotations

import pytest

from lightagent import ApprovalDecision
from lightagent.domain.policy.rulings import Unreadable
from lightagent.domain.review.answers import read_review_answer

ANSWERS: list[tuple[object, ApprovalDecision]] = [
    (True, ApprovalDecision.approve(actor="f")),
    (False, ApprovalDecision.reject(actor="f")),
    ("Too much.", ApprovalDecision.reject("Too much.", actor="f")),
    ({"approved": True}, ApprovalDecision.approve(actor="f")),
    ({"approved": False, "reason": "no"}, ApprovalDecision.reject("no", actor="f")),
    ({"action": "approve", "actor": "carol"}, ApprovalDecision.approve(actor="carol")),
    ({"action": "reject", "reviewer_id": "carol"}, ApprovalDecision.reject(actor="carol")),
    ({"action": "edit", "arguments": {"a": 1}}, ApprovalDecision.edit({"a": 1}, actor="f")),
    ({"action": "respond", "output": "o"}, ApprovalDecision.respond("o", actor="f")),
    ({"action": "respond", "response": "o"}, ApprovalDecision.respond("o", actor="f")),
    ({"action": "respond", "output": ""}, ApprovalDecision.respond("", actor="f")),
    ({"approved": True, "arguments": None, "output": None}, ApprovalDecision.approve(actor="f")),
    (ApprovalDecision.approve(), ApprovalDecision.approve(actor="f")),
    (ApprovalDecision.approve(actor="carol"), ApprovalDecision.approve(actor="carol")),
]


@pytest.mark.parametrize(("answer", "decision"), ANSWERS)
def test_an_answer_is_read(answer: object, decision: ApprovalDecision) -> None:
    assert read_review_answer(answer, "f") == decision


NONSENSE: list[object] = [
    *(None, 0, 1, 1.0, b"approve", "", "  ", [], [True], object(), ApprovalDecision, {}),
    *({"approved": None}, {"approved": 1}, {"approved": "yes"}, {"approved": True, "action": "reject"}),
    *({"action": "aprove"}, {"action": None}, {"action": "edit"}, {"action": "edit", "arguments": [1]}),
    *({"action": "edit", "arguments": {"a": float("nan")}}, {"action": "approve", "reason": 5}),
    *({"action": "approve", "unless": "it rains"}, {1: 2}, {"action": "approve", "actor": 7}),
    # Who changes the arguments does not approve those that were asked about.
    *({"approved": True, "arguments": {"a": 1}}, {"action": "approve", "arguments": {"a": 1}}),
    *({"approved": True, "output": "o"}, {"action": "edit", "arguments": {"a": 1}, "output": "o"}),
    *({"approved": False, "arguments": {}}, {"action": "respond", "arguments": {"a": 1}, "output": "o"}),
    *({"action": "respond"}, {"action": "respond", "output": None}, {"action": "respond", "output": 5}),
    {"action": "respond", "output": "o", "response": "p"},
]


@pytest.mark.parametrize("answer", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_decides_nothing(answer: object) -> None:
    read = read_review_answer(answer, "f")
    assert isinstance(read, Unreadable)
    assert read.problem.endswith(".")
