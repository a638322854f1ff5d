"""What a client of AG-UI answers to an interrupt: the form it is given, and what is read of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ag_ui.core import ResumeEntry

from lightagent.application.serving.call_answers import CallAnswer
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject

_CANCELLED: Final = "The user cancelled it."

_FORM: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "reason": {"type": "string"},
        "editedArgs": {"type": "object"},
    },
    "required": ["approved"],
}


def answer_form() -> JsonObject:
    """The JSON Schema of an answer, as an interrupt has it: one of its own for each."""
    return copy_json(_FORM)


def read_answers(entries: list[ResumeEntry]) -> Iterator[CallAnswer]:
    """The answers of a request. Nothing but a plain yes is a yes.

    Raises:
        RequestRefused: an answer is not as its form wants it, or two are about one call.
    """
    known = set[str]()
    for place, entry in enumerate(entries):
        at = f"resume[{place}]"
        if entry.interrupt_id in known:
            raise RequestRefused(400, f"{at}: this interrupt is answered twice.", "", param=at)
        known.add(entry.interrupt_id)
        yield _answer(entry, f"{at}.payload")


def _answer(entry: ResumeEntry, at: str) -> CallAnswer:
    if entry.status == "cancelled":
        return CallAnswer(entry.interrupt_id, approved=False, reason=_CANCELLED)
    payload: object = entry.payload
    told = payload if isinstance(payload, dict) else {}
    approved, reason, arguments = told.get("approved"), told.get("reason") or "", told.get("editedArgs")
    is_fit = isinstance(reason, str) and (arguments is None or isinstance(arguments, dict))
    if not isinstance(approved, bool) or not is_fit:
        raise RequestRefused(
            400,
            f"{at}: it is not as the responseSchema of the interrupt says.",
            'Send {"approved": true} or {"approved": false}.',
            param=at,
        )
    return CallAnswer(entry.interrupt_id, approved, reason, arguments)
