"""What a function that reviews calls may answer, and what it means. Only what says yes is a yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.policy.rulings import Unreadable
from lightagent.domain.review.decisions import ACTIONS, ApprovalAction, ApprovalDecision


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
_WITH: Final = {"edit": ("arguments",), "respond": ("output", "response")}
"""The keys that one action has, and no other: to approve with other arguments is to edit."""


def _read_object(answer: dict[object, object], actor: str) -> ApprovalDecision | Unreadable:
    if not answer.keys() <= _KEYS or ("approved" in answer) == ("action" in answer):
        return Unreadable("An object that decides has either `approved` or `action`.", is_attempt=True)
    action = _action(answer)
    if isinstance(action, Unreadable):
        return action
    given = [key for keys in _WITH.values() for key in keys if answer.get(key) is not None]
    own = _WITH.get(action, ())
    if not set(given) <= set(own) or len(given) != min(len(own), 1):
        return Unreadable("Only edit has `arguments`, and only respond has `output`; each needs it.", is_attempt=True)
    reason, by = _text(answer.get("reason")), _text(answer.get("actor") or answer.get("reviewer_id")) or actor
    if action == "edit":
        return ApprovalDecision.edit(to_json_object(answer["arguments"], "arguments"), reason, actor=by)
    if action == "respond":
        return ApprovalDecision.respond(_text(answer[given[0]]), reason, actor=by)
    return ApprovalDecision(action, reason, by)


def _action(answer: dict[object, object]) -> ApprovalAction | Unreadable:
    if "approved" in answer:
        approved = answer["approved"]
        if not isinstance(approved, bool):
            return Unreadable("What it says of `approved` is neither True nor False.", is_attempt=True)
        return "approve" if approved else "reject"
    said = answer["action"]
    for action in ACTIONS:
        if isinstance(said, str) and said == action:
            return action
    return Unreadable("Its action is not one of approve, reject, edit and respond.", is_attempt=True)


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise ConfigurationError("text is expected")
    return value or ""
