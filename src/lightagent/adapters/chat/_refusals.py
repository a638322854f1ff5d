"""Adapts the profile of an endpoint to what it refuses, and decides whether a request is sent again in another form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from lightagent.adapters.chat._profiles import (
    LIMITS,
    UNSIGNED,
    EndpointProfile,
    TokenLimit,
    fitted_params,
    response_format,
)
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonValue
from lightagent.ports.models import ChatRequest


@dataclass(frozen=True, slots=True)
class Adaptation:
    """The result of a refusal: the new profile, and the change in words."""

    profile: EndpointProfile
    change: str


_FORMAT: Final = re.compile(
    r"(?i)response[ _]?format|response[ _]mime[ _]type|json[ _]response"
    r"|json_schema|json_object|json[ _]mode|json[ _]schema|structured[ _]output"
    r"|guided[ _](?:json|decoding)"
)
_REFUSED: Final = re.compile(
    r"(?i)not (?:be )?(?:supported?|allowed|available|permitted|enabled|implemented|valid|had|used?|combined?)"
    r"|unsupported|unrecognized|unrecognised|unknown|unavailable|unexpected|extra (?:inputs|fields)"
    r"|cannot|can't|can not|does(?:n't| not) (?:support|accept|allow|know)"
    r"|(?:in|not )compatible|invalid|forbidden|only|must be|should be|no longer"
)
_UNKNOWN_NAME: Final = re.compile(
    r"(?i)not (?:be )?(?:supported|permitted|allowed|recognized)|unsupported|unrecogni[sz]ed|unknown|unexpected|extra "
    r"|does(?:n't| not) support"
)
_ORDER: Final = re.compile(r"(?i)beginning|first|start|alternat")
_SYSTEM: Final = re.compile(
    r"(?i)(?:system|developer)['\"`]? (?:role|message|prompt|instruction)|role['\"`:= ]{1,4}['\"`]?(?:system|developer)"
    r"|does not support ['\"`]?system"
)
_TURNS: Final = re.compile(
    r"(?i)roles? (?:must|should) (?:alternate|be alternating)|(?:must|should) alternate (?:between|with)"
)
_AFTER_TOOLS: Final = re.compile(r"(?i)unexpected role ['\"`]?user['\"`]? after role ['\"`]?tool")
_NINE_LETTERS: Final = re.compile(r"(?is)tool[ _]call[ _]id.*length of 9\b")
_WORD: Final = re.compile(r"(?is)tool_(?:use|call)[._]?id\b.*\^\[a-zA-Z0-9_-\]")
_NAME: Final = re.compile(
    r"(?is)\bmessages\b(?:(?!tool_calls|function).){0,40}\bname\b.{0,40}(?:unsupported|not permitted)|can have a name\b"
)
_UNIQUE: Final = re.compile(r"(?i)tool_use[`'\"]? ids must be unique|tool[ _]call ids must be unique")
_SIGNATURE: Final = re.compile(r"(?i)missing a `?thought_signature")
_REASONING: Final = re.compile(
    r"(?is)\b(?:missing|requires?)(?: the)? ?[`'\"]?(reasoning_content)\b"
    r"|\b(reasoning_content|reasoning)\b.{0,80}\b(?:is missing|must be (?:passed back|provided|included|present))"
)
_NULL_CONTENT: Final = re.compile(
    r"(?is)message content type: ?<nil>|\bcontent\b.{0,60}got (?:null|none)\b"
    r"|\bcontent\b.{0,60}(?:can(?:not|'t)|must not) be (?:null|none)"
    r"|\bcontent\b.{0,30}\b(?:null|none) is not (?:an? )?(?:allowed|valid|supported)"
)


def refused(
    profile: EndpointProfile, request: ChatRequest, message: str, details: Mapping[str, JsonValue]
) -> Adaptation | None:
    """Return how to adapt the profile to this refusal, or None if its cause is not certain.

    Args:
        message: the endpoint's own text.
        details: of the error; its status tells a refusal from a failure.
    """
    status = details.get("status")
    if not isinstance(status, int) or status not in (400, 404, 405, 415, 422, 501):
        return None
    if (learnt := _refused_messages(profile, request, message)) is not None or not _REFUSED.search(message):
        return learnt
    return (
        _refused_parameter(profile, request, message)
        or _refused_format(profile, request, message)
        or _refused_role(profile, request, message)
    )


def _refused_parameter(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    if not _UNKNOWN_NAME.search(message):
        return None  # A value may be wrong, not the parameter.
    sent = fitted_params(profile, request.params)
    if profile.parallel_calls and "parallel_tool_calls" in sent and "parallel_tool_calls" in message:
        return Adaptation(replace(profile, parallel_calls=False), "no parallel_tool_calls")
    own = request.stream and "stream_options" not in sent
    if own and profile.stream_options and ("stream_options" in message or "include_usage" in message):
        return Adaptation(replace(profile, stream_options=False), "no stream_options")
    wrong = next((name for name in LIMITS if name in sent and name in message), None)
    if wrong is None or profile.token_limit == wrong:
        return None
    right: TokenLimit = "max_tokens" if wrong == "max_completion_tokens" else "max_completion_tokens"
    return Adaptation(replace(profile, token_limit=right), f"{right} instead of {wrong}")


def _refused_messages(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    learnt = _refused_order(profile, message) or _refused_name(profile, request, message)
    if learnt is not None or not any(one.role == "assistant" and one.tool_calls for one in request.messages):
        return learnt
    return (
        _refused_ids(profile, message)
        or _missed_reasoning(profile, message)
        or _missed_signature(profile, message)
        or _refused_null(profile, request, message)
    )


def _refused_order(profile: EndpointProfile, message: str) -> Adaptation | None:
    if _TURNS.search(message) and not profile.alternating:
        return Adaptation(replace(profile, alternating=True), "user and assistant in turns")
    if _AFTER_TOOLS.search(message) and profile.user_after_tools:
        return Adaptation(replace(profile, user_after_tools=False), "no user directly after tools")
    return None


def _refused_name(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    named = any(getattr(one, "name", None) is not None for one in request.messages)
    if profile.names and named and _NAME.search(message):
        return Adaptation(replace(profile, names=False), "no names of speakers")
    return None


def _refused_ids(profile: EndpointProfile, message: str) -> Adaptation | None:
    if _NINE_LETTERS.search(message) and profile.call_ids != "nine_letters":
        return Adaptation(replace(profile, call_ids="nine_letters"), "ids of calls in nine letters")
    if _UNIQUE.search(message) and profile.repeated_ids:
        return Adaptation(replace(profile, repeated_ids=False), "an id for each call of the conversation")
    if _WORD.search(message) and profile.call_ids == "visible":
        return Adaptation(replace(profile, call_ids="word"), "ids of calls of letters, digits, _ and -")
    return None


def _missed_reasoning(profile: EndpointProfile, message: str) -> Adaptation | None:
    """Some endpoints accept an empty text in place of missing reasoning; others, such as Kimi, reject it."""
    found = _REASONING.search(message)
    if found is None:
        return None
    name = (found[1] or found[2]).lower()
    if profile.call_reasoning is None:
        return Adaptation(replace(profile, call_reasoning=(name, "")), f"an empty {name} beside calls")
    if profile.call_reasoning == (name, ""):
        return Adaptation(replace(profile, call_reasoning=(name, " ")), f"a blank {name} beside calls")
    return None


def _missed_signature(profile: EndpointProfile, message: str) -> Adaptation | None:
    if profile.first_call is None and _SIGNATURE.search(message):
        return Adaptation(replace(profile, first_call=UNSIGNED), "calls of others marked as unsigned")
    return None


def _refused_null(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    calls = (one for one in request.messages if isinstance(one, AssistantMessage) and one.tool_calls)
    if profile.null_content and _NULL_CONTENT.search(message) and any(not one.content for one in calls):
        return Adaptation(replace(profile, null_content=False), "an empty content beside calls")
    return None


def _refused_format(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    if not _FORMAT.search(message) or response_format(profile, request) is None:
        return None
    if request.tools and re.search(r"(?i)tool|function", message):
        return Adaptation(replace(profile, beside_tools=False), "no response_format beside tools")
    if request.stream and re.search(r"(?i)stream", message):
        return Adaptation(replace(profile, in_streams=False), "no response_format in streams")
    was, remaining = profile.structured[0], profile.structured[1:] or ("prompt",)
    return Adaptation(replace(profile, structured=remaining), f"{remaining[0]} instead of {was}")


def _refused_role(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaptation | None:
    instructed = bool(request.messages) and request.messages[0].role == "system"
    if not (profile.system_role and instructed and _SYSTEM.search(message)) or _ORDER.search(message):
        return None
    return Adaptation(replace(profile, system_role=False), "instructions in the message of the user, no system role")


def learn(
    current: EndpointProfile, sent: EndpointProfile, request: ChatRequest, error: Exception
) -> tuple[EndpointProfile, Exception]:
    """Return the new profile, and the error, which is retryable if the refusal was clear.

    Args:
        current: the profile now, which another request may have changed since this one was sent.
        sent: the profile with which the request was encoded.
    """
    if not isinstance(error, ProviderError):
        return current, error
    learnt = refused(sent, request, error.message, error.details)
    if learnt is None:
        return current, error
    profile = learnt.profile if current is sent else _merged(current, sent, learnt.profile)
    return profile, as_retryable(error, learnt.change)


def _merged(current: EndpointProfile, sent: EndpointProfile, learnt: EndpointProfile) -> EndpointProfile:
    """Merge the changes of two concurrent requests; if both changed a field, the first change stays."""
    for field in fields(EndpointProfile):
        before, now, new = (getattr(profile, field.name) for profile in (sent, current, learnt))
        if new != before and now == before:
            current = replace(current, **{field.name: new})
    return current


LEARNT: Final = " (Learnt for the next request: "
"""Separates the endpoint's own text from the adapter's addition."""


def as_retryable(error: ProviderError, change: str) -> ProviderError:
    """Return the refusal as a retryable error, so that the run makes another attempt and records the change."""
    again = ProviderError(
        f"{error.message}{LEARNT}{change}.)",
        code=error.code,
        guidance=error.guidance,
        retryable=True,
        details={**error.details, "learnt": change},
    )
    again.retry_after = 0.0
    return again
