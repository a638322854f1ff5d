"""Chat texts about calls that wait for a person, and the decisions that a person writes in a chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.person_answers import MOST_REASON, PersonAnswer
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingStep
from lightagent.domain.json_bytes import encode_json, whole_characters

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
