"""The objects of the responses protocol: a response as a whole, its errors and its token usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.application.serving.error_statuses import public_error
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage

ResponseStatus: TypeAlias = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
"""The state of a response."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What is known of a response before its run starts.

    Attributes:
        id: the id of the response.
        stem: the prefix of the ids of its items.
        model: the model as the client named it.
        created: the time of creation, in seconds since 1970.
        previous: the id of the response that this one continues; empty for a new conversation.
        metadata: the client's metadata.
        background: whether the run outlives the connection.
        conversation: the conversation that the run belongs to; empty for none.
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
    """Return a response in its current state.

    Args:
        usage: the token usage of the run since the request; None while it is running.
        cut: the provider's reason for cutting the response short.
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
    """Return an error as it appears in a response."""
    told = public_error(info)
    return {"code": told.code, "message": told.message, "guidance": told.guidance}


def usage_part(usage: Usage) -> JsonObject:
    """Return the token usage of the whole run, summed over all its model requests."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
