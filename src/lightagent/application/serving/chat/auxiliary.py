"""Recognize requests that chat interfaces make on their own account: titles, tags, follow-up questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightagent.application.serving.chat.requests import ChatInput

BEGINNINGS: Final = (
    "### Task:",  # Open WebUI: titles, tags, follow-ups, search queries, autocompletion
    "Your task is to reflect the speaker's likely facial expression",  # Open WebUI, during voice calls
    "Provide a concise, 5-word-or-less title for the conversation",  # LibreChat
    "Please generate a concise, 5-word-or-less title for the conversation",
    "Write a concise title for this conversation",
)
"""How such requests begin. A user's question that begins the same way gets a plain answer too, which is harmless."""

_OF_USERS: Final = "### Task: Respond to the user query"
"""How Open WebUI begins a user's question about files and knowledge, in the user's message or a system message."""


def is_auxiliary(asked: ChatInput, more: Sequence[str] = ()) -> bool:
    """Whether a chat interface sent this request on its own account.

    Args:
        more: additional beginnings of such requests.
    """
    beginnings = (*BEGINNINGS, *filter(None, more))
    texts = (_text(asked.query).lstrip(), asked.instructions.lstrip())
    return any(text.startswith(beginnings) and not _is_of_user(text) for text in texts)


def _is_of_user(text: str) -> bool:
    return " ".join(text[: 2 * len(_OF_USERS)].split()).startswith(_OF_USERS)


def _text(query: object) -> str:
    """Return the text of a query; for a list of parts, the text of the first."""
    if isinstance(query, str):
        return query
    parts = query if isinstance(query, list) else []
    return next((str(part["text"]) for part in parts if isinstance(part, dict) and part.get("type") == "text"), "")
