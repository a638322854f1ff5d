"""The profile of an endpoint: which forms of JSON output, messages, roles and parameters it accepts.

`_profile_table` has a line for each endpoint that is known to differ. If an endpoint refuses a form, `_refusals` adapts
its profile as long as the model object exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

from lightagent.domain.conversation.call_forms import IdForm
from lightagent.domain.conversation.provider_fields import ModelOrigin, Recipient
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest

Way: TypeAlias = Literal["json_schema", "json_object", "prompt"]
"""How structured output is requested. The schema is always in the prompt, and `prompt` adds nothing to that."""

TokenLimit: TypeAlias = Literal["as_given", "max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class EndpointProfile:
    """What an endpoint accepts.

    Attributes:
        structured: the ways it can be asked for JSON, the best first; the next is taken where one is refused.
        beside_tools: whether it can be asked so while tools are offered. Where it cannot, it is asked by the prompt.
        system_role: whether it knows the role `system`; else instructions come with the first message of the user.
        token_limit: how the parameter is called that limits an answer's length.
        parallel_calls: whether it knows the parameter `parallel_tool_calls`; else that is left out.
        stream_options: whether it can be asked for the tokens of a stream.
        reasoning_fields: fields of its answers that it takes back in the conversation; None: all that it sent.
        in_streams: whether it can be asked for JSON in a stream.
        call_reasoning: a field of reasoning without which it takes no message with calls, and what is to stand in it
            where there is none, such as ``("reasoning_content", "")``.
        first_call: fields that the first call of a message must have, where its model did not add them.
        call_ids: the form of the ids of calls: `visible` ASCII, `word` characters and hyphens, or `nine_letters`.
        repeated_ids: whether the id of a call may come again later in the conversation, as some servers count from
            the start at every turn.
        null_content: whether a message with calls may have no content; else it is an empty text.
        names: whether messages may have a name.
        user_after_tools: whether a user may speak directly after the results of tools; else an assistant message that
            says nothing stands between.
        alternating: whether user and assistant must take turns, as many chat templates want it; else any order goes.
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
    in_streams: bool = True
    call_reasoning: tuple[str, str] | None = None
    first_call: JsonObject | None = None
    call_ids: IdForm = "visible"
    repeated_ids: bool = True
    null_content: bool = True
    names: bool = True
    user_after_tools: bool = True
    alternating: bool = False

    def recipient(self, origin: ModelOrigin) -> Recipient:
        """Return the model that messages are written for."""
        return Recipient(
            origin, self.reasoning_fields, self.call_ids, self.call_reasoning, self.first_call, self.null_content
        )


UNKNOWN: Final = EndpointProfile()
"""The profile of most endpoints."""

UNSIGNED: Final[JsonObject] = {
    "extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}},
}
"""Marks a call that Gemini did not make, see https://ai.google.dev/gemini-api/docs/thought-signatures."""

LIMITS: Final = ("max_tokens", "max_completion_tokens")


def response_format(profile: EndpointProfile, request: ChatRequest) -> JsonObject | None:
    """Return the `response_format` to send, or None to leave it out, as when the caller sets it in the parameters."""
    if request.output_schema is None or "response_format" in request.params:
        return None
    if (request.tools and not profile.beside_tools) or (request.stream and not profile.in_streams):
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
    """Return the parameters under the names that the endpoint accepts."""
    limit = profile.token_limit
    other = next((name for name in LIMITS if limit in LIMITS and name != limit and name in params), None)
    dropped = not profile.parallel_calls and "parallel_tool_calls" in params
    if other is None and not dropped:
        return params
    fitted: dict[str, JsonValue] = {
        limit if name == other else name: value
        for name, value in params.items()
        if not (dropped and name == "parallel_tool_calls") and not (name == other and limit in params)
    }
    return fitted
