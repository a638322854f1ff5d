"""The data of stream events, as types for type checkers."""

from __future__ import annotations

from typing_extensions import TypedDict

from lightagent.domain.error_codes import ErrorCode, LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import RunStatus
from lightagent.domain.runs.events import ToolStatus
from lightagent.domain.usage import Usage


class TextData(TypedDict):
    """A piece of the answer, or of the model's reasoning."""

    text: str


class ToolCallData(TypedDict):
    """A tool call that begins."""

    id: str
    name: str
    arguments: JsonObject


class ToolPartData(TypedDict):
    """A part of the answer of a tool that yields it; `id` and `name` are those of the call."""

    id: str
    name: str
    text: str


class ToolResultData(TypedDict):
    """What a tool call came to, as the model is told."""

    id: str
    name: str
    output: str
    status: ToolStatus


class ApprovalRequiredData(TypedDict):
    """What a human must decide about; `request` holds what the tool or the policy wants them to see."""

    id: str
    name: str
    reason: str
    request: JsonObject


class ErrorData(TypedDict):
    """Why a run failed."""

    code: ErrorCode
    message: str
    guidance: str


class UsageData(TypedDict):
    """Tokens; see `Usage`."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int


class DoneData(TypedDict):
    """How a run ended: its text, the outcome, why the model stopped, and the tokens of the whole run."""

    content: str
    outcome: RunStatus
    finish_reason: str | None
    usage: UsageData


def error_data(error: LightAgentErrorInfo) -> ErrorData:
    """Return the data of an error event."""
    return {"code": error.code, "message": error.message, "guidance": error.guidance}


def usage_data(usage: Usage) -> UsageData:
    """Return `Usage.to_dict` as a typed dictionary."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
