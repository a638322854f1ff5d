"""What the errors of providers mean, by their texts and codes.

An HTTP status says little: a conversation that is too long, a prompt that a filter refuses, an account without money
and a call that the model wrote badly all come as 400, 403 or 429, or with status 200. The rows below, one for
each provider, are from their documentation and from public bug reports. Case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from lightagent.domain.error_codes import ErrorCode


class Meaning(Enum):
    """What an error means beyond its status."""

    TOO_LONG = auto()
    FILTERED = auto()
    NO_BALANCE = auto()
    BAD_CALL = auto()


_TOO_LONG: Final = {
    "OpenAI, Azure, DeepSeek, vLLM, OpenRouter": r"context_length_exceeded|maximum context length",
    "OpenAI, newer models": r"exceeds the context window|string_above_max_length",
    "llama.cpp": r"exceed_context_size|exceeds the available context size",
    "vLLM": r"too long to fit into the model|longer than the maximum model length|exceeds? (?:the )?max_model_len",
    "SGLang, Together": r"longer than the model'?s context length|exceeds the maximum allowed (?:input )?length",
    "Text Generation Inference": r"inputs`? tokens \+ `?max_new_tokens`? must|inputs`? must have less than \d+ tokens",
    "LM Studio": r"greater than the context length|when context (?:the )?overflows",
    "Ollama": r"prompt too long|input length exceeds (?:the )?(?:maximum )?context length",
    "Anthropic": r"prompt is too long|exceed context limit",
    "Bedrock, Replicate": r"input is too long|too many input tokens",
    "Gemini": r"input token count[^.]{0,60}exceeds the maximum",
    "xAI": r"maximum prompt length is \d+",
    "Mistral": r"too large for model with \d+ maximum context length",
    "Groq": r"reduce the length of the messages|request too large for",
    "Cohere": r"too many tokens:",
    "Perplexity": r"length of all messages is too long",
    "GitHub Copilot": r"prompt token count of \d+ exceeds",
    "Qwen": r"range of input length should be|input length exceeds",
    "Zhipu": r"model_context_window_exceeded|prompt exceeds max length|prompt\s*超长",
    "Moonshot": r"exceeded model token limit",
    "MiniMax": r"context window exceeds limit",
    "Baidu": r"prompt tokens too long",
    "OpenAI, Azure, newer models": r"input tokens exceed the configured limit of \d+",
    "Docker Model Runner": r"configured context size is \d+",
    "Vertex, Inflection": r"too many tokens in (?:the |your )?(?:prompt|input|messages?|request)",
    "StepFun, Zhipu": r"tokens? in request more than max tokens|total tokens[^.]{0,60} exceeds? max message tokens",
    "Tencent": r"(?<!每分钟)请求的?\s*tokens?\s*数量?[^。]{0,10}(?:超过|超出|超限)",
    "Baichuan, Tencent": r"(?:输入|上下文|提示词|消息|文本)[^。]{0,20}(?:超长|过长|超过|超出|超限)",
    "others": (
        r"(?:exceed(?:s|ed|ing)?|larger than|longer than|greater than|overflow(?:s|ed)?|too (?:long|large|big) for)"
        r"[^.]{0,60}context[ _-]?(?:length|window|size|limit)"
        r"|context[ _-]?(?:length|window|size|limit)[^.]{0,30}(?:exceeded|overflow)|context overflow"
    ),
}
_TOO_LONG_CODES: Final = frozenset({"1261", "base_resp:1039"})

_FILTERED: Final = {
    "OpenAI, Azure": r"content_filter|content_policy_violation|responsibleaipolicyviolation|content management policy",
    "OpenAI": r"invalid_prompt\b|(?:prompt|input|message|request|content)s? (?:was|were|has been) flagged",
    "OpenRouter": r"input was flagged|flagged (?:by|for) (?:moderation|content)",
    "Anthropic, Gemini": r"blocked by content filtering|prohibited_content|block_reason|blocked due to safety",
    "xAI": r"violates? (?:our |the )?(?:usage|content) (?:guidelines|polic)",
    "DeepSeek": r"content exists risk",
    "Moonshot": r"considered high risk",
    "Qwen": r"data_?inspection_?failed|inappropriate content",
    "Zhipu": r"(?:unsafe|sensitive)(?: or sensitive)? content",
    "Volcano Ark, MiniMax": r"sensitive_?content_?detected|input_?(?:text|image)?_?(?:risk|sensitive)",
    "Baidu, Tencent, iFlytek": r"敏感|涉敏|违规|不安全|审核不通过",
    "Vertex": r"contains sensitive words|violates? google's responsible ai",
    "Bedrock": r"guardrail_intervened|(?:blocked|rejected|refused|stopped) by [a-z ]{0,30}guardrails?\b",
    "OpenAI, images": r"rejected (?:as a result of|by) (?:our|the) safety system",
    "MiniMax": r"\bnew_sensitive\b",
    "moderation": r"(?:rejected|blocked|refused|flagged|stopped) by (?:our |the )?(?:content )?moderation",
    "others": r"content[ _](?:was |is )?(?:blocked|filtered)|moderation_blocked|censorship",
}
_FILTERED_CODES: Final = frozenset(
    {
        "1026",
        "1027",
        "1301",
        "10013",
        "10014",
        "10019",
        "base_resp:1026",
        "base_resp:1027",
        "safety",
        "safety_violation",
        "guardrail_intervened",
    }
)

_NO_BALANCE: Final = {
    "OpenAI": r"insufficient_quota|billing_hard_limit_reached|billing_not_active|check your plan and billing",
    "Anthropic": r"credit balance is too low|billing_error",
    "DeepSeek, MiniMax, SiliconFlow": r"insufficient[ _-]?(?:(?:account|user)[ _-]?)?(?:balance|credits?|funds|quota)",
    "OpenRouter, Vercel": r"(?:out of|no|not enough|requires more|add more|exhausted[a-z ]*) credits|out of credit\b",
    "OpenRouter, a key": r"key limit exceeded \((?:total|daily|weekly|monthly) limit\)",
    "OpenAI, its words": r"billing (?:hard |soft )?limit (?:has been|was|is) (?:reached|exceeded)",
    "Together": r"credit limit (?:has been |was |is )?(?:exceeded|reached)",
    "Gemini": r"(?:prepaid|prepayment) credits? (?:are |is |have been |were )?(?:depleted|exhausted|used up)",
    "xAI": r"used all available credits|spending limit",
    "Moonshot": r"exceeded_current_quota|exceeded current quota",
    "Zhipu, Qwen": r"in arrears|arrearage|in good standing",
    "Volcano Ark": r"accountoverdue|overdue balance",
    "Hugging Face": r"exceeded your monthly included credits",
    "a month": r"monthly (?:usage|spend|credit|quota) limit (?:has been |was |is )?(?:reached|exceeded)",
    "for nothing": (
        r"free[ -](?:tier|trial) (?:quota|credits?|allowance) (?:(?:has been|have been|is|are|was) )?"
        r"(?:exhausted|used up|expired)"
    ),
    "a balance": r"balance (?:is |was )?(?:insufficient|not enough|not sufficient|exhausted|depleted)",
    "LiteLLM proxy": r"budget_exceeded|budget has been exceeded|exceededbudget",
    "Novita": r"not[ _]enough[ _]balance",
    "Volcano Ark, a limit": r"setlimitexceeded|has reached the set inference limit",
    "Qwen, for nothing": r"freetieronly|free tier of the model has been exhausted",
    "others": r"payment[ _]required|余额不足|余额已用完|欠费|额度不足|额度已用尽|请充值",
}
_NO_BALANCE_CODES: Final = frozenset({"402", "1113", "1309", "base_resp:1008"})

_BAD_CALL: Final = {
    "Groq, a call": r"tool_use_failed|failed to call a function|tool call validation failed",
    "Groq, JSON": r"json_validate_failed|output_parse_failed|failed to generate json",
}

_CODES: Final[dict[ErrorCode, str]] = {
    "LA-400": "invalid_request_error invalid_argument invalidparameter invalid_parameter bad_request base_resp:2013",
    "LA-401": (
        "invalid_api_key invalidapikey authentication_error unauthenticated unauthorized invalid_authentication_error"
        " api_key_invalid incorrect_api_key_error base_resp:1004 base_resp:2049 1000 1001 1002 1003 1004"
    ),
    "LA-403": "permission_error permission_denied forbidden access_denied accessdenied 1112 1121 1220",
    "LA-404": "model_not_found not_found_error not_found resource_not_found_error modelnotfound 1211 1222",
    "LA-408": "timeout timeout_error deadline_exceeded requesttimeout base_resp:1001",
    "LA-413": "request_too_large base_resp:1039 1261",
    "LA-429": (
        "rate_limit_exceeded rate_limit_error rate_limit_reached_error resource_exhausted too_many_requests throttling"
        " throttling.ratequota throttling.allocationquota limit_requests limit_burst_rate engine_overloaded_error"
        " requests_limit_exceeded base_resp:1002 base_resp:1041 base_resp:2056 1302 1303 1304 1305 1308"
    ),
    "LA-503": "overloaded overloaded_error service_unavailable unavailable server_overloaded model_overloaded 1234",
}
_CODE_OF: Final[dict[str, ErrorCode]] = {word: code for code, words in _CODES.items() for word in words.split()}
"""Error codes by the words of errors without an HTTP status."""

_TEXT: Final[tuple[tuple[ErrorCode, str], ...]] = (
    ("LA-429", r"rate[ _-]?limit|too many (?:concurrent )?requests|\b(?:qps|tpm|rpm)\b|限流|频率"),
    (
        "LA-401",
        r"(?:invalid|incorrect|missing|no)[a-z ]{0,20}api[ _-]?key|api[ _-]?key[a-z ]{0,20}(?:invalid|not valid)",
    ),
    ("LA-401", r"unauthori[sz]ed|unauthenticated|authentication (?:failed|error)"),
    ("LA-404", r"model\b.{0,80}\b(?:not found|does not exist|not exist)|no such model|unknown model"),
    ("LA-408", r"timed? ?out"),
    ("LA-503", r"overloaded|unavailable|over capacity|too busy|server is busy"),
)


def _table(rows: Iterable[str]) -> re.Pattern[str]:
    """Return one pattern of all rows for a text in lower case; ignoring case would take five times as long."""
    return re.compile("|".join(rows))


_PATTERNS: Final = {
    Meaning.TOO_LONG: _table(_TOO_LONG.values()),
    Meaning.FILTERED: _table(_FILTERED.values()),
    Meaning.NO_BALANCE: _table(_NO_BALANCE.values()),
    Meaning.BAD_CALL: _table(_BAD_CALL.values()),
}
_TEXT_PATTERNS: Final[tuple[tuple[ErrorCode, re.Pattern[str]], ...]] = tuple(
    (code, _table((row,))) for code, row in _TEXT
)


def meaning(status: int | None, codes: Iterable[str], text: str, *, asks_to_wait: bool = False) -> Meaning | None:
    """Return what an error means, or None if it means no more than its status.

    Args:
        status: the HTTP status, or one that the body names.
        codes: the error codes and types, in lower case.
        text: these codes and the message.
        asks_to_wait: whether the provider says when to retry, as for a rate limit, but not for an empty balance.
    """
    found, text = frozenset(codes), text.lower()
    if status == 402 or found & _NO_BALANCE_CODES:
        return Meaning.NO_BALANCE
    if found & _TOO_LONG_CODES or (_has(Meaning.TOO_LONG, text) and _may_be_too_long(status, text)):
        return Meaning.TOO_LONG
    if status == 451 or found & _FILTERED_CODES or (status not in (401, 429) and _has(Meaning.FILTERED, text)):
        return Meaning.FILTERED
    # Gemini sends OpenAI's text about the balance for every rate limit.
    a_rate = asks_to_wait or "resource_exhausted" in found
    if _has(Meaning.NO_BALANCE, text) and not (a_rate and "insufficient_quota" not in found):
        return Meaning.NO_BALANCE
    return Meaning.BAD_CALL if _has(Meaning.BAD_CALL, text) else None


def code_of_words(codes: Iterable[str], text: str) -> ErrorCode:
    """Return the error code for an error without an HTTP status."""
    text = text.lower()
    known: list[tuple[str, ErrorCode]] = [(word, _CODE_OF[word]) for word in codes if word in _CODE_OF]
    named: list[ErrorCode] = [code for word, code in known if not word.isdigit()]
    from_text: list[ErrorCode] = [code for code, pattern in _TEXT_PATTERNS if pattern.search(text)]
    # A bare number comes last, since its meaning depends on the provider, which is unknown here.
    found: list[ErrorCode] = [*named, *from_text, *(code for _, code in known), "LA-500"]
    return found[0]


# `text` is in lower case from here on.


def _has(wanted: Meaning, text: str) -> bool:
    return _PATTERNS[wanted].search(text) is not None


def _may_be_too_long(status: int | None, text: str) -> bool:
    """Rate limits count tokens, too. Only a request that exceeds the limit of a whole minute can never be served."""
    if status == 429:
        return "request too large" in text
    return status is None or status in (400, 404, 413, 422) or status >= 500
