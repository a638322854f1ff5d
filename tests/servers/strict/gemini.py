"""The rules of Gemini behind its OpenAI-compatible endpoint."""

import string

from tests.servers.json_values import Json
from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

COMPATIBLE = "https://ai.google.dev/gemini-api/docs/openai"
CALLING = "https://ai.google.dev/gemini-api/docs/function-calling"
SIGNATURES = "https://ai.google.dev/gemini-api/docs/thought-signatures"

PARAMETERS = (
    "messages model extra_body frequency_penalty max_completion_tokens max_tokens modalities n parallel_tool_calls "
    "presence_penalty reasoning_effort response_format seed stop stream stream_options temperature tool_choice tools "
    "top_logprobs logprobs top_p user service_tier"
)

RULES = (
    Rule("roles", messages.roles("system", "developer", "user", "assistant", "tool"), COMPATIBLE),
    Rule("content", messages.content_types, COMPATIBLE),
    Rule(
        "something said",
        messages.not_blank("system", "developer", "user", "assistant"),
        "https://ai.google.dev/api/caching#Content (contents.parts must not be empty)",
    ),
    Rule("callers", calls.only_assistants_call, COMPATIBLE),
    Rule("answered", calls.answered_directly, "https://github.com/google-gemini/gemini-cli/issues/3814"),
    Rule("ids", calls.ids(r".+", "a text that is not empty"), COMPATIBLE),
    Rule("unique ids", calls.unique_in_a_turn, COMPATIBLE),
    Rule(
        "names", calls.names(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}"), "https://ai.google.dev/api/caching#FunctionDeclaration"
    ),
    Rule("arguments", calls.arguments_are_text, COMPATIBLE),
    Rule(
        "argument objects",
        calls.arguments_are_an_object,
        "https://ai.google.dev/api/caching#FunctionCall (args is a Struct)",
    ),
    Rule("signatures", calls.signed_in_the_current_turn, SIGNATURES),
    Rule(
        "parameters",
        parameters.known_parameters(
            PARAMETERS, 'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        ),
        COMPATIBLE,
    ),
    Rule("tools", parameters.tool_declarations(), CALLING),
    Rule("tool choice", parameters.tool_choice_needs_tools, CALLING),
    Rule("response format", parameters.response_formats("text", "json_object", "json_schema"), COMPATIBLE),
    Rule(
        "no format beside tools",
        parameters.no_response_format_beside("tools"),
        "https://github.com/googleapis/python-genai/issues/867",
    ),
)


def _error(text: str) -> Json:
    return [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]


GEMINI = Provider(
    "gemini",
    "gemini-2.5-flash",
    RULES,
    random_id("function-call-", 19, string.digits),
    signs_calls=True,
    error=_error,
)
