"""The rules of Groq."""

import string

from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

API = "https://console.groq.com/docs/api-reference#chat-create"
COMPATIBLE = "https://console.groq.com/docs/openai"
OUTPUTS = "https://console.groq.com/docs/structured-outputs"
UNSUPPORTED = "property '{name}' is unsupported"

PARAMETERS = (
    "messages model citation_options compound_custom disable_tool_validation documents exclude_domains "
    "frequency_penalty function_call functions include_domains include_reasoning max_completion_tokens max_tokens "
    "metadata n parallel_tool_calls presence_penalty reasoning_effort reasoning_format response_format search_settings "
    "seed service_tier stop store stream stream_options temperature tool_choice tools top_p user"
)

RULES = (
    Rule("roles", messages.roles("developer", "system", "user", "assistant", "tool"), API),
    Rule(
        "message fields",
        messages.known_fields(assistant=("tool_calls", "reasoning", "function_call"), tool=("tool_call_id",)),
        f"{COMPATIBLE} (messages[].name) and https://github.com/janhq/jan/issues/8136 (reasoning_content)",
    ),
    Rule("content", messages.content_types, API),
    Rule("callers", calls.only_assistants_call, API),
    Rule("answered", calls.answered_directly, "https://console.groq.com/docs/tool-use"),
    Rule("ids", calls.ids(r".+", "a text that is not empty"), API),
    Rule("unique ids", calls.unique_in_a_turn, API),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,64}"), API),
    Rule("arguments", calls.arguments_are_text, API),
    Rule("argument objects", calls.arguments_are_an_object, "https://console.groq.com/docs/tool-use"),
    Rule("call fields", calls.known_call_fields(), "https://github.com/ServiceStack/llms/issues/17"),
    Rule(
        "parameters",
        parameters.known_parameters(PARAMETERS, UNSUPPORTED),
        "https://github.com/fanenr/chatbot/issues/21",
    ),
    Rule("one answer", parameters.at_most_one_answer, COMPATIBLE),
    Rule("tools", parameters.tool_declarations(), API),
    Rule("tool choice", parameters.tool_choice_needs_tools, API),
    Rule("response format", parameters.response_formats("text", "json_object", "json_schema"), OUTPUTS),
    Rule(
        "no format beside tools",
        parameters.no_response_format_beside("tools", "stream"),
        f"{OUTPUTS} (no streaming, no tool use) and https://github.com/vercel/ai/pull/16540",
    ),
    Rule("json mentioned", parameters.json_is_mentioned, f"{OUTPUTS}#json-object-mode"),
)

GROQ = Provider(
    "groq", "openai/gpt-oss-120b", RULES, random_id("", 9, string.ascii_lowercase + string.digits), "reasoning"
)
