"""The objects of the responses protocol: an answer as a whole, and its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.application.serving.refusals import told_outside
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage

ResponseStatus: TypeAlias = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
"""How far an answer is."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What is known of an answer before its run has begun.

    Attributes:
        id: of the answer.
        stem: the beginning of the ids of its items.
        model: as the client named it.
        created: seconds since 1970.
        previous: the id of the answer from which the conversation went on; empty where it began.
        metadata: of the client.
        background: its run outlives the connection.
        conversation: of which it is a turn; empty for none.
    """

    id: str
    stem: str
    model: str
    created: int
    previous: str = ""
    metadata: JsonObject = field(default_factory=dict)
    background: bool = False
    conversation: str = ""


def response_object(
    head: ResponseHead,
    status: ResponseStatus,
    output: Sequence[JsonObject],
    usage: Usage | None = None,
    *,
    error: LightAgentErrorInfo | None = None,
    cut: str = "",
) -> JsonObject:
    """An answer as it is now.

    Args:
        usage: of the whole run since the request; None while it goes on.
        cut: why it has ended before its time, as the provider of the model said it.
    """
    reason = {"length": "max_output_tokens"}.get(cut, cut)
    return {
        "id": head.id,
        "object": "response",
        "created_at": head.created,
        "status": status,
        "background": head.background,
        "conversation": {"id": head.conversation} if head.conversation else None,
        "error": None if error is None else error_part(error),
        "incomplete_details": {"reason": reason} if cut else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": dict(head.metadata),
        "model": head.model,
        "output": [dict(item) for item in output],
        "parallel_tool_calls": True,
        "previous_response_id": head.previous or None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None if usage is None else usage_part(usage),
    }


def error_part(info: LightAgentErrorInfo) -> JsonObject:
    """An error, as an answer holds it."""
    told = told_outside(info)
    return {"code": told.code, "message": told.message, "guidance": told.guidance}


def usage_part(usage: Usage) -> JsonObject:
    """The tokens of a whole run, those of all its requests to models together."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
