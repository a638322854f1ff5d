"""What a person answers about a call that waits, in the protocols that have a form for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_bytes import whole_characters, whole_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision

MOST_REASON: Final = 500
"""Characters of a reason, at most, by whichever protocol it comes."""

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
        request_id: names the request about the call.
        arguments: to run the call with in the place of its own; None: with those.
    """

    request_id: str
    approved: bool
    reason: str = ""
    arguments: JsonObject | None = None

    def decision(self, actor: str) -> ApprovalDecision:
        """The same as a decision of this person. Halves of characters, which no store holds, are replaced."""
        reason, arguments = whole_characters(self.reason), whole_json(self.arguments)
        if not self.approved:
            return ApprovalDecision.reject(reason, actor=actor)
        if isinstance(arguments, dict):
            return ApprovalDecision.edit(arguments, reason, actor=actor)
        return ApprovalDecision.approve(reason, actor=actor)


def answer_form() -> JsonObject:
    """The JSON Schema of an answer: one of its own for each who is given it."""
    return copy_json(_FORM)


def read_answer(request_id: str, payload: object, at: str) -> PersonAnswer:
    """The answer that is in the form. Nothing but a plain yes is a yes.

    Args:
        at: names the form in errors.

    Raises:
        RequestRefused: it is not as the form wants it.
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
