"""A person's answer about a waiting call, in the protocols that have a form for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_bytes import whole_characters, whole_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision

MOST_REASON: Final = 500
"""The maximum length of a reason in characters, in every protocol."""

_FORM: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string", "maxLength": MOST_REASON},
        "editedArgs": {"type": "object"},
    },
    "required": ["approved"],
}


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """A person's answer about one call.

    Attributes:
        request_id: identifies the approval request.
        arguments: arguments to run the call with instead of its own; None: its own.
    """

    request_id: str
    approved: bool
    reason: str = ""
    arguments: JsonObject | None = None

    def decision(self, actor: str) -> ApprovalDecision:
        """Return the answer as a decision by this person, with lone surrogates, which stores cannot hold, replaced."""
        reason, arguments = whole_characters(self.reason), whole_json(self.arguments)
        if not self.approved:
            return ApprovalDecision.reject(reason, actor=actor)
        if isinstance(arguments, dict):
            return ApprovalDecision.edit(arguments, reason, actor=actor)
        return ApprovalDecision.approve(reason, actor=actor)


def answer_form() -> JsonObject:
    """Return the JSON Schema of an answer, as a new object each time."""
    return copy_json(_FORM)


def read_answer(request_id: str, payload: object, at: str) -> PersonAnswer:
    """Return the answer in a form. Only an explicit true approves the call.

    Args:
        at: the path of the form, for errors.

    Raises:
        RequestRefused: the payload does not match the form.
    """
    told = payload if isinstance(payload, dict) else {}
    approved, reason, arguments = told.get("approved"), told.get("reason") or "", told.get("editedArgs")
    is_fit = (
        isinstance(reason, str) and len(reason) <= MOST_REASON and (arguments is None or isinstance(arguments, dict))
    )
    if not isinstance(approved, bool) or not is_fit:
        raise RequestRefused(
            400,
            f"{at}: it is not as its form, the response schema, says.",
            'Send {"approved": true} or {"approved": false}.',
            param=at,
        )
    return PersonAnswer(request_id, approved, reason, arguments)
