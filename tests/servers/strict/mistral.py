"""The rules of Mistral, whose validator is public."""

import string

from tests.servers.json_values import Json
from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

API = "https://docs.mistral.ai/api/#tag/chat"
VALIDATOR = "https://github.com/mistralai/mistral-common (protocol/instruct/validator.py)"
ORDER = "https://github.com/aaif-goose/goose/issues/5998"
FORBIDDEN = (
    "https://github.com/BerriAI/litellm/issues/30835 and https://github.com/editor-code-assistant/eca/issues/231"
)

PARAMETERS = (
    "messages model frequency_penalty guardrails max_tokens metadata n parallel_tool_calls prediction presence_penalty "
    "prompt_cache_key prompt_mode random_seed reasoning_effort response_format safe_prompt stop stream stream_options "
    "temperature tool_choice tools top_p"
)

FOLLOWS = {
    "system": ("user", "assistant", "system"),
    "user": ("assistant", "system", "user"),
    "assistant": ("assistant", "user", "tool"),
    "tool": ("assistant", "tool"),
}

RULES = (
    Rule("roles", messages.roles("system", "user", "assistant", "tool"), API),
    Rule("order", messages.order(FOLLOWS), f"{VALIDATOR} and {ORDER}"),
    Rule("last", messages.ends_with_user_or_tool, VALIDATOR),
    Rule(
        "message fields",
        messages.known_fields(assistant=("tool_calls", "prefix"), tool=("tool_call_id", "name")),
        FORBIDDEN,
    ),
    Rule("content", messages.content_types, API),
    Rule("something said", messages.not_blank("assistant"), f"{VALIDATOR} (must have either content or tool_calls)"),
    Rule("callers", calls.only_assistants_call, API),
    Rule("answered", calls.answered_directly, VALIDATOR),
    Rule("ids", calls.ids(r"[a-zA-Z0-9]{9}", "a-z, A-Z, 0-9, with a length of 9"), VALIDATOR),
    Rule("unique ids", calls.unique_in_a_turn, VALIDATOR),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,64}"), VALIDATOR),
    Rule("arguments", calls.arguments_are_text, API),
    Rule("argument objects", calls.arguments_are_an_object, API),
    Rule("call fields", calls.known_call_fields("index"), FORBIDDEN),
    Rule(
        "parameters", parameters.known_parameters(PARAMETERS, "body.{name}: Extra inputs are not permitted"), FORBIDDEN
    ),
    Rule("no usage option", parameters.no_usage_option, "https://github.com/avante-corp/avante.nvim/issues/2347"),
    Rule("tools", parameters.tool_declarations(), VALIDATOR),
    Rule("response format", parameters.response_formats("text", "json_object", "json_schema"), API),
)


def _error(text: str) -> Json:
    return {"object": "error", "message": text, "type": "invalid_request_message_order", "param": None, "code": "3230"}


MISTRAL = Provider(
    "mistral", "mistral-large-latest", RULES, random_id("", 9, string.ascii_letters + string.digits), error=_error
)
