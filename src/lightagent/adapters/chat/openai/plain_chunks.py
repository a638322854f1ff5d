"""Chunks that hold a piece of text and nothing else, which most chunks of a stream are, seen at a glance.

What is not certain to be one of them is left to the readers that know every form.
"""

from __future__ import annotations

from typing import Final

ANSWER_FIELDS: Final = frozenset(
    {
        "choices",
        "created",
        "id",
        "model",
        "obfuscation",
        "object",
        "provider",
        "service_tier",
        "system_fingerprint",
        "usage",
    }
)
"""Fields of an answer that say nothing of how it ends, and its usage."""
CHOICE_FIELDS: Final = frozenset({"delta", "finish_reason", "index", "logprobs"})
_SILENT: Final = frozenset({"content", "role"})
"""Fields of a delta that say no more than its text; any other may be there if it is null."""


def plain_text(answer: dict[object, object]) -> str | None:
    """The text of such a chunk; None if the object may say anything else, or says nothing."""
    choices = answer.get("choices")
    if type(choices) is not list or len(choices) != 1 or not ANSWER_FIELDS.issuperset(answer):
        return None
    choice = choices[0]
    if answer.get("usage") is not None or type(choice) is not dict or not CHOICE_FIELDS.issuperset(choice):
        return None
    delta = choice.get("delta")
    if choice.get("finish_reason") is not None or choice.get("index") != 0 or type(delta) is not dict:
        return None
    text = delta.get("content")
    if type(text) is not str or not text:
        return None
    return text if len(delta) == 1 or _says_no_more(delta) else None


def _says_no_more(delta: dict[object, object]) -> bool:
    return all(value is None or name in _SILENT for name, value in delta.items())
