"""The rules of OpenAI: of its chat models, and of its reasoning models."""

import string

from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict import schema_rules as schemas
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

API = "https://platform.openai.com/docs/api-reference/chat/create"
OUTPUTS = "https://platform.openai.com/docs/guides/structured-outputs"
REASONING = "https://platform.openai.com/docs/guides/reasoning"
SPEC = "https://github.com/openai/openai-openapi (CreateChatCompletionRequest)"
ERRORS = "https://community.openai.com (texts of the errors, as users quote them)"

PARAMETERS = (
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key "
    "prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"
)

RULES = (
    Rule("roles", messages.roles("developer", "system", "user", "assistant", "tool"), API),
    Rule(
        "message fields",
        messages.known_fields(
            developer=("name",),
            system=("name",),
            user=("name",),
            assistant=("name", "tool_calls", "refusal", "audio", "function_call", "annotations"),
            tool=("tool_call_id",),
        ),
        SPEC,
    ),
    Rule("content", messages.content_types, API),
    Rule("callers", calls.only_assistants_call, API),
    Rule("answered", calls.answered_directly, "https://platform.openai.com/docs/guides/function-calling"),
    Rule("ids", calls.ids(r".{1,40}", "1 to 40 characters long"), "https://github.com/microsoft/autogen/issues/6377"),
    Rule("unique ids", calls.unique_in_a_turn, ERRORS),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,64}"), SPEC),
    Rule("arguments", calls.arguments_are_text, SPEC),
    Rule("parameters", parameters.known_parameters(PARAMETERS), SPEC),
    Rule(
        "tools",
        parameters.tool_declarations(most_description=1024),
        "https://github.com/getsentry/sentry-mcp/issues/106",
    ),
    Rule("tool schemas", schemas.tool_schemas, ERRORS),
    Rule("tool choice", parameters.tool_choice_needs_tools, ERRORS),
    Rule("stream options", parameters.stream_options_need_stream, API),
    Rule("response format", parameters.response_formats("text", "json_object", "json_schema"), OUTPUTS),
    Rule("json mentioned", parameters.json_is_mentioned, f"{OUTPUTS}#json-mode"),
)

REASONING_RULES = (
    *RULES,
    Rule(
        "completion tokens",
        parameters.refused(
            "Unsupported parameter: '{name}' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
        ),
        REASONING,
    ),
    Rule("temperature", parameters.default_temperature, REASONING),
    Rule(
        "sampling",
        parameters.refused(
            "Unsupported parameter: '{name}' is not supported with this model.",
            "top_p",
            "presence_penalty",
            "frequency_penalty",
            "logprobs",
            "top_logprobs",
            "logit_bias",
        ),
        REASONING,
    ),
)

CALL_ID = random_id("call_", 24, string.ascii_letters + string.digits)

OPENAI = Provider("openai", "gpt-4.1", RULES, CALL_ID)
OPENAI_REASONING = Provider("openai-reasoning", "gpt-5", REASONING_RULES, CALL_ID)
