"""What the finish reasons of different servers mean: the answer is whole, cut, withheld, or failed.

An answer counts as whole only if its finish reason is known to mean that. A word that is not in the table is an error,
since a new word may mean that a part of the answer is missing. Some servers end every answer with `stop` and report in
other fields that it is cut or withheld; `read_other_signs` reads these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.adapters._endpoints.faults import broken_off, malformed, unknown_finish_reason
from lightagent.domain.error_codes import ErrorCode
from lightagent.domain.errors import ProviderError

Ending: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter"]
"""How an answer ended, in OpenAI's words."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """The server gave up. `code` and `retryable` are those of the error to raise."""

    code: ErrorCode
    retryable: bool = True


_FAILED: Final = _Failure("LA-500")
_UNAVAILABLE: Final = _Failure("LA-503")
_TIMED_OUT: Final = _Failure("LA-408")
_PAUSED: Final = _Failure("LA-500", retryable=False)

_WORDS: Final[dict[str, Ending | _Failure]] = {
    # Whole.
    "stop": "stop",  # OpenAI and nearly everybody; STOP: Gemini
    "end_turn": "stop",  # Anthropic, Bedrock
    "stop_sequence": "stop",  # Anthropic, Bedrock, TGI, Cohere
    "stop_token": "stop",
    "eos": "stop",  # Together
    "eos_token": "stop",  # TGI
    "endoftext": "stop",  # AI21
    "end_of_text": "stop",
    "complete": "stop",  # Cohere
    "completed": "stop",  # gateways in front of the Responses API
    "finish": "stop",  # Bedrock Titan
    "finished": "stop",  # Bedrock Titan
    "normal": "stop",  # Ernie
    # Whole, and asks for tools.
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",  # Cohere
    "tool_use": "tool_calls",  # Anthropic, Bedrock
    "function_call": "tool_calls",  # the form before tools: OpenAI, Ernie
    "function_calls": "tool_calls",
    # Cut.
    "length": "length",
    "max_tokens": "length",  # Anthropic, Cohere; MAX_TOKENS: Gemini
    "max_output_tokens": "length",  # gateways in front of the Responses API
    "max_output": "length",  # MiniMax
    "max_length": "length",
    "max_context_length": "length",
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # Anthropic, Zhipu
    "context_length_exceeded": "length",
    "compaction": "length",  # Anthropic: it stopped to shorten the conversation
    "error_limit": "length",  # Cohere: the context was full
    "token_limit": "length",
    # Withheld.
    "content_filter": "content_filter",
    "content_filtered": "content_filter",  # Bedrock
    "content_filter_error": "content_filter",
    "content_blocked": "content_filter",
    "guardrail_intervened": "content_filter",  # Bedrock
    "refusal": "content_filter",  # Anthropic
    "sensitive": "content_filter",  # Zhipu
    "safety": "content_filter",  # Gemini, as the next nine
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "language": "content_filter",
    "model_armor": "content_filter",
    "image_safety": "content_filter",
    "image_prohibited_content": "content_filter",
    "image_recitation": "content_filter",
    "error_toxic": "content_filter",  # Cohere
    "moderation": "content_filter",
    "blocked": "content_filter",
    # Failed.
    "error": _FAILED,  # OpenRouter, Mistral, Together, vLLM, Cohere
    "internal_error": _FAILED,
    "server_error": _FAILED,
    "failed": _FAILED,  # gateways in front of the Responses API
    "incomplete": _FAILED,  # the same
    "other": _FAILED,  # Gemini, as the next six
    "malformed_function_call": _FAILED,
    "malformed_response": _FAILED,
    "unexpected_tool_call": _FAILED,
    "too_many_tool_calls": _FAILED,
    "missing_thought_signature": _FAILED,
    "function_call_filter": _FAILED,
    "malformed_model_output": _FAILED,  # Bedrock
    "malformed_tool_use": _FAILED,  # Bedrock
    "repetition": _FAILED,  # vLLM
    "abort": _UNAVAILABLE,  # vLLM, SGLang, Zhipu
    "aborted": _UNAVAILABLE,
    "cancel": _UNAVAILABLE,
    "canceled": _UNAVAILABLE,
    "cancelled": _UNAVAILABLE,
    "user_cancel": _UNAVAILABLE,  # Cohere
    "interrupted": _UNAVAILABLE,
    "network_error": _UNAVAILABLE,  # Zhipu
    "insufficient_system_resource": _UNAVAILABLE,  # DeepSeek
    "overloaded": _UNAVAILABLE,
    "engine_overloaded": _UNAVAILABLE,
    "timeout": _TIMED_OUT,  # Cohere
    "time_limit": _TIMED_OUT,  # Mistral's clients of old, llama-cpp-python
    "pause_turn": _PAUSED,  # Anthropic: the turn goes on in another request, which no chat completion can ask for
}

_NO_REASON_YET: Final = frozenset({"", "null", "none"})
"""Texts that some servers send as long as there is no reason; DashScope sends `null`."""

_SEVERITY: Final[dict[Ending | None, int]] = {None: 0, "stop": 1, "tool_calls": 2, "length": 3, "content_filter": 4}


def read_finish_reason(reason: object) -> Ending | None:
    """Return what the reason means, or None if the server has not sent one yet.

    Case does not matter, nor whether words are separated by underscores, hyphens or capitals. Gemini's compatible
    endpoint puts a word of its own after the one of OpenAI (`content_filter: RECITATION`).

    Raises:
        ProviderError: the reason means a failure, or the word is unknown.
    """
    if reason is None:
        return None
    word = reason.get("type") if isinstance(reason, dict) else reason  # SGLang's own form is an object
    if not isinstance(word, str):
        raise malformed("a finish reason that is not a text", reason)
    meaning = _meaning(word)
    if meaning is None:
        if _normalized(word) in _NO_REASON_YET:
            return None
        raise unknown_finish_reason(word)
    if isinstance(meaning, _Failure):
        raise broken_off(word, meaning.code, retryable=meaning.retryable)
    return meaning


def is_whole(reason: object) -> bool:
    """Whether an answer with this reason is whole."""
    try:
        return read_finish_reason(reason) in (None, "stop", "tool_calls")
    except ProviderError:
        return False


def is_known(word: object) -> bool:
    """Whether the word is in the table."""
    return isinstance(word, str) and _meaning(word) is not None


def known_ending(word: object) -> Ending | None:
    """Return what a word means, or None if it is unknown or means a failure. It need not be a finish reason."""
    meaning = _meaning(word) if isinstance(word, str) else None
    return None if isinstance(meaning, _Failure) else meaning


def more_severe(one: Ending | None, other: Ending | None) -> Ending | None:
    """Return the more severe of two endings: an answer that was cut stays cut, whatever a later chunk says."""
    return one if _SEVERITY[one] >= _SEVERITY[other] else other


def _meaning(word: str) -> Ending | _Failure | None:
    return _WORDS.get(word) or _WORDS.get(_normalized(word)) or _WORDS.get(_normalized(word.partition(":")[0]))


def _normalized(word: str) -> str:
    """Return one spelling for `MaxTokens`, `max-tokens`, `MAX_TOKENS` and `FINISH_REASON_MAX_TOKENS`."""
    separated = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word[:100].strip())
    return re.sub(r"[\s\-.]+", "_", separated).lower().removeprefix("finish_reason_")


_OTHER_SIGNS: Final = frozenset(
    {"content_filter_results", "incomplete_details", "native_finish_reason", "output_sensitive", "status"}
)


def read_other_signs(holder: Mapping[object, object]) -> Ending | None:
    """Return how an answer or a choice ended according to fields other than the finish reason, or None.

    Raises:
        ProviderError: it is marked as incomplete, for a reason that is neither a limit nor a filter.
    """
    if _OTHER_SIGNS.isdisjoint(holder):  # Most answers have none of these fields.
        return None
    ending = _incomplete(holder)
    if holder.get("output_sensitive") is True or _filtered(holder.get("content_filter_results")):
        return "content_filter"  # MiniMax; Azure
    # OpenRouter passes on the provider's own word, which matters only if it is known.
    native = known_ending(holder.get("native_finish_reason"))
    return more_severe(ending, native if native in ("length", "content_filter") else None)


def _incomplete(holder: Mapping[object, object]) -> Ending | None:
    """Return the reason why an answer in the form of the Responses API is incomplete, or None."""
    details = holder.get("incomplete_details")
    if isinstance(details, Mapping) and details.get("reason"):
        return read_finish_reason(details["reason"])
    return read_finish_reason("incomplete") if holder.get("status") == "incomplete" else None


def _filtered(results: object) -> bool:
    if not isinstance(results, Mapping):
        return False
    return any(isinstance(result, Mapping) and result.get("filtered") is True for result in results.values())
