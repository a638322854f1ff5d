"""Requests that chat interfaces make for themselves, beside what their user asked: titles, tags, follow-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.chat_requests import ChatAsked

BEGINNINGS: Final = (
    "### Task:",  # Open WebUI: titles, tags, follow-ups, queries, completions of what is typed
    "Your task is to reflect the speaker's likely facial expression",  # Open WebUI, in calls
    "Provide a concise, 5-word-or-less title for the conversation",  # LibreChat
    "Please generate a concise, 5-word-or-less title for the conversation",
    "Write a concise title for this conversation",
)
"""How such requests begin. A user whose question begins so gets a plain answer, too: no harm comes of that."""

_OF_USERS: Final = "### Task: Respond to the user query"
"""How Open WebUI begins what a user asks about files and knowledge, in the user's message or in a system message."""


def is_auxiliary(asked: ChatAsked, more: Sequence[str] = ()) -> bool:
    """Whether a chat interface asks this for itself.

    Args:
        more: beginnings besides those that are known.
    """
    beginnings = (*BEGINNINGS, *filter(None, more))
    texts = (_text(asked.query).lstrip(), asked.instructions.lstrip())
    return any(text.startswith(beginnings) and not _is_of_user(text) for text in texts)


def _is_of_user(text: str) -> bool:
    return " ".join(text[: 2 * len(_OF_USERS)].split()).startswith(_OF_USERS)


def _text(query: object) -> str:
    """The text of a query, the first of its parts where it has several."""
    if isinstance(query, str):
        return query
    parts = query if isinstance(query, list) else []
    return next((str(part["text"]) for part in parts if isinstance(part, dict) and part.get("type") == "text"), "")
