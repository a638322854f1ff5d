"""A person's decision about a waiting call: its forms, its words in a chat, and what counts if several come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingStep
from lightagent.domain.json_bytes import encode_json, whole_characters, whole_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.decisions import ApprovalDecision

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
            f"{at}: does not match the response schema.",
            'Send {"approved": true} or {"approved": false}.',
            param=at,
        )
    return PersonAnswer(request_id, approved, reason, arguments)


def answers_by_request(answers: Iterable[PersonAnswer], at: str) -> dict[str, tuple[int, PersonAnswer]]:
    """Return the answers of one HTTP request by the approval request that each is about, with their indices.

    An answer may be repeated. Answers that contradict each other are refused, in every protocol: none of them says
    which one counts, and to guess could run a call that the person has rejected.

    Args:
        at: the field of an answer, for errors; `{}` stands for its index.

    Raises:
        RequestRefused: two answers about one call differ in the decision or in the arguments.
    """
    found = dict[str, tuple[int, PersonAnswer]]()
    for place, answer in enumerate(answers):
        _, first = found.setdefault(answer.request_id, (place, answer))
        if (first.approved, first.arguments) != (answer.approved, answer.arguments):
            raise _contradicting(at.format(place), f"the request {answer.request_id!r:.100}")
    return found


def results_by_call(results: Iterable[tuple[str, str]], at: str) -> dict[str, str]:
    """Return the results that a client sent for calls of its own tools, by the ids of the calls.

    Args:
        at: the field of the results, for errors.

    Raises:
        RequestRefused: two results of one call differ.
    """
    found = dict[str, str]()
    for call_id, text in results:
        if found.setdefault(call_id, text) != text:
            raise _contradicting(at, f"the call {call_id!r:.100}")
    return found


def _contradicting(at: str, what: str) -> RequestRefused:
    return RequestRefused(400, f"{at}: {what} is answered twice, and the answers differ.", "Send one answer.", param=at)


_ANSWER: Final = re.compile(rf"(approve|reject)[ \t]+([0-9a-f]{{32}})(?:[ \t]+(.{{1,{MOST_REASON}}}))?", re.IGNORECASE)

_MOST_SHOWN: Final = 500
"""The maximum length of a call's arguments as shown, in characters."""


def read_chat_decision(query: object) -> PersonAnswer | None:
    """Return the decision if the message is one and nothing else; otherwise None."""
    found = _ANSWER.fullmatch(query.strip()) if isinstance(query, str) else None
    if found is None:
        return None
    return PersonAnswer(found[2].lower(), found[1].lower() == "approve", found[3] or "")


def waiting_words(waiting: Sequence[WaitingStep], view: ChatView) -> str:
    """Return the sentences about waiting calls that end an answer; empty if no call waits."""
    if not waiting:
        return ""
    lines = ["This waits for a person to decide:", "", *map(_line, waiting)]
    if view.approvals:
        lines += ["", "Answer `approve ID` or `reject ID`, with the ID that stands above."]
    if view.console_url:
        lines += ["", f"Decide at {view.console_url}"]
    return "\n".join(lines)


def _line(one: WaitingStep) -> str:
    arguments = encode_json(one.arguments).decode().replace("`", "'")
    shown = arguments if len(arguments) <= _MOST_SHOWN else f"{arguments[:_MOST_SHOWN]}…"
    if not one.name:
        return f"- {one.reason} ID {one.request_id}"
    return f"- `{one.name}` with `{shown}`, ID {one.request_id}{_why(one)}"


def _why(one: WaitingStep) -> str:
    """Return why a call waits, unless its tool always requires approval."""
    return f": {whole_characters(one.reason)}" if one.reason else ""
