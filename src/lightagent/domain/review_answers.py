"""What a function that reviews calls may answer, and what it means. Only what says yes is a yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.rulings import Unreadable


def read_review_answer(answer: object, actor: str) -> ApprovalDecision | Unreadable:
    """The decision that an answer stands for.

    True approves; False and a text reject; an object with `approved` or `action` says which. Anything else, None
    included, decides nothing.

    Args:
        actor: who decided, where the answer does not say.
    """
    if isinstance(answer, ApprovalDecision):
        return answer if answer.actor else replace(answer, actor=actor)
    if isinstance(answer, bool):
        return ApprovalDecision.approve(actor=actor) if answer else ApprovalDecision.reject(actor=actor)
    if isinstance(answer, str) and answer.strip():
        return ApprovalDecision.reject(answer, actor=actor)
    if isinstance(answer, dict):
        try:
            return _read_object(answer, actor)
        except ConfigurationError:
            return Unreadable("Its answer is not a decision.", is_attempt=True)
    return Unreadable(f"It answered with {type(answer).__name__}, which is not a decision.")


_KEYS: Final = frozenset({"approved", "action", "reason", "actor", "reviewer_id", "arguments", "output", "response"})


def _read_object(answer: dict[object, object], actor: str) -> ApprovalDecision | Unreadable:
    if not answer.keys() <= _KEYS or ("approved" in answer) == ("action" in answer):
        return Unreadable("An object that decides has either `approved` or `action`.", is_attempt=True)
    reason, by = _text(answer.get("reason")), _text(answer.get("actor") or answer.get("reviewer_id")) or actor
    if "approved" in answer:
        approved = answer["approved"]
        if not isinstance(approved, bool):
            return Unreadable("What it says of `approved` is neither True nor False.", is_attempt=True)
        return ApprovalDecision.approve(reason, actor=by) if approved else ApprovalDecision.reject(reason, actor=by)
    match answer["action"]:
        case "approve":
            return ApprovalDecision.approve(reason, actor=by)
        case "reject":
            return ApprovalDecision.reject(reason, actor=by)
        case "edit":
            return ApprovalDecision.edit(to_json_object(answer.get("arguments"), "arguments"), reason, actor=by)
        case "respond":
            return ApprovalDecision.respond(_text(answer.get("output", answer.get("response"))), reason, actor=by)
        case _:
            return Unreadable("Its action is not one of approve, reject, edit and respond.", is_attempt=True)


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError("text is expected")
    return value or ""
