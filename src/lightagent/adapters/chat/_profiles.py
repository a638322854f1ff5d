"""What an endpoint takes, as a value: how it is asked for JSON, which roles and which spellings it knows.

`_profile_table` holds a line for each endpoint that is known to differ; an endpoint that refuses something is learnt
from, by `refused`, for as long as its model object lives.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal, TypeAlias

from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest

Way: TypeAlias = Literal["json_schema", "json_object", "prompt"]
"""How an answer of a type is asked for; the schema is in the prompt in any case, and `prompt` adds nothing to it."""

TokenLimit: TypeAlias = Literal["as_given", "max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class EndpointProfile:
    """What an endpoint takes.

    Attributes:
        structured: the ways it can be asked for JSON, the best first; the next is taken where one is refused.
        beside_tools: whether it can be asked so while tools are offered. Where it cannot, it is asked by the prompt.
        system_role: whether it knows the role `system`; else instructions come with the first message of the user.
        token_limit: how the parameter is called that limits an answer's length.
        parallel_calls: whether it knows the parameter `parallel_tool_calls`; else that is left out.
        stream_options: whether it can be asked for the tokens of a stream.
        reasoning_fields: fields of its answers that it takes back in the conversation; None: all that it sent.
    """

    # pydantic reads this where a profile comes from a configuration: an unknown name is a mistake.
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    structured: tuple[Way, ...] = ("json_schema", "json_object", "prompt")
    beside_tools: bool = False
    system_role: bool = True
    token_limit: TokenLimit = "as_given"
    parallel_calls: bool = True
    stream_options: bool = True
    reasoning_fields: tuple[str, ...] | None = None


UNKNOWN: Final = EndpointProfile()
"""The form that most endpoints take."""

_LIMITS: Final = ("max_tokens", "max_completion_tokens")


def response_format(profile: EndpointProfile, request: ChatRequest) -> JsonObject | None:
    """What to send as `response_format`; None to leave it out, also where the caller's own is among the parameters."""
    if request.output_schema is None or "response_format" in request.params:
        return None
    if request.tools and not profile.beside_tools:
        return None
    way = profile.structured[0] if profile.structured else "prompt"
    if way == "json_schema":
        # Not strict: OpenAI's strict mode refuses schemas of many ordinary types; the answer is validated anyway.
        return {
            "type": "json_schema",
            "json_schema": {"name": "output", "schema": request.output_schema, "strict": False},
        }
    return {"type": "json_object"} if way == "json_object" else None


def fitted_params(profile: EndpointProfile, params: JsonObject) -> JsonObject:
    """The parameters as the endpoint spells them."""
    limit = profile.token_limit
    other = next((name for name in _LIMITS if limit in _LIMITS and name != limit and name in params), None)
    dropped = not profile.parallel_calls and "parallel_tool_calls" in params
    if other is None and not dropped:
        return params
    fitted: dict[str, JsonValue] = {
        limit if name == other else name: value
        for name, value in params.items()
        if not (dropped and name == "parallel_tool_calls") and not (name == other and limit in params)
    }
    return fitted


@dataclass(frozen=True, slots=True)
class Adaption:
    """What was learnt of a refusal: the profile from now on, and what changes, in words."""

    profile: EndpointProfile
    change: str


_FORMAT: Final = re.compile(
    r"(?i)response_?format|json_schema|json_object|json[ _]mode|json[ _]schema|structured[ _]output"
    r"|guided[ _](?:json|decoding)"
)
_REFUSED: Final = re.compile(
    r"(?i)not (?:be )?(?:supported?|allowed|available|permitted|enabled|implemented|valid|had|used?|combined?)"
    r"|unsupported|unrecognized|unrecognised|unknown|unavailable|unexpected|extra (?:inputs|fields)"
    r"|cannot|can't|can not|does(?:n't| not) (?:support|accept|allow|know)"
    r"|invalid|forbidden|only|must be|should be|no longer"
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


def refused(
    profile: EndpointProfile, request: ChatRequest, message: str, details: Mapping[str, JsonValue]
) -> Adaption | None:
    """What a refusal of the request says of the endpoint; None where it says nothing for certain.

    Args:
        message: the endpoint's own words.
        details: of the error; its status tells a refusal from a failure.
    """
    status = details.get("status")
    if not isinstance(status, int) or status not in (400, 404, 405, 415, 422, 501) or not _REFUSED.search(message):
        return None
    return (
        _refused_parameter(profile, request, message)
        or _refused_format(profile, request, message)
        or _refused_role(profile, request, message)
    )


def _refused_parameter(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaption | None:
    if not _UNKNOWN_NAME.search(message):
        return None  # A value may be what is wrong.
    sent = fitted_params(profile, request.params)
    if profile.parallel_calls and "parallel_tool_calls" in sent and "parallel_tool_calls" in message:
        return Adaption(replace(profile, parallel_calls=False), "no parallel_tool_calls")
    own = request.stream and "stream_options" not in sent
    if own and profile.stream_options and ("stream_options" in message or "include_usage" in message):
        return Adaption(replace(profile, stream_options=False), "no stream_options")
    wrong = next((name for name in _LIMITS if name in sent and name in message), None)
    if wrong is None or profile.token_limit == wrong:
        return None
    right: TokenLimit = "max_tokens" if wrong == "max_completion_tokens" else "max_completion_tokens"
    return Adaption(replace(profile, token_limit=right), f"{right} instead of {wrong}")


def _refused_format(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaption | None:
    if not _FORMAT.search(message) or response_format(profile, request) is None:
        return None
    if request.tools and re.search(r"(?i)tool|function", message):
        return Adaption(replace(profile, beside_tools=False), "no response_format beside tools")
    was, left = profile.structured[0], profile.structured[1:] or ("prompt",)
    return Adaption(replace(profile, structured=left), f"{left[0]} instead of {was}")


def _refused_role(profile: EndpointProfile, request: ChatRequest, message: str) -> Adaption | None:
    instructed = bool(request.messages) and request.messages[0].role == "system"
    if not (profile.system_role and instructed and _SYSTEM.search(message)) or _ORDER.search(message):
        return None
    return Adaption(replace(profile, system_role=False), "instructions in the message of the user, no system role")


def asks_again(error: ProviderError, change: str) -> ProviderError:
    """The refusal as a failure that passes: a run makes the next attempt, with the change, and puts it on record."""
    again = ProviderError(
        f"{error.message} (Sent again: {change}.)",
        code=error.code,
        guidance=error.guidance,
        retryable=True,
        details={**error.details, "learnt": change},
    )
    again.retry_after = 0.0
    return again
