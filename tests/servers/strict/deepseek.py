"""The rules of DeepSeek: without thinking, and with it."""

import string

from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

API = "https://api-docs.deepseek.com/api/create-chat-completion"
JSON_MODE = "https://api-docs.deepseek.com/guides/json_mode"
THINKING = "https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"

RULES = (
    Rule("roles", messages.roles("system", "user", "assistant", "tool"), API),
    Rule("content", messages.content_types, API),
    Rule("callers", calls.only_assistants_call, API),
    Rule("answered", calls.answered_directly, "https://api-docs.deepseek.com/guides/tool_calls"),
    Rule("ids", calls.ids(r".+", "a text that is not empty"), API),
    Rule("unique ids", calls.unique_in_a_turn, API),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,64}"), API),
    Rule("arguments", calls.arguments_are_text, API),
    Rule("argument objects", calls.arguments_are_an_object, "https://api-docs.deepseek.com/guides/tool_calls"),
    Rule("tools", parameters.tool_declarations(), API),
    Rule("tool choice", parameters.tool_choice_needs_tools, API),
    Rule("stream options", parameters.stream_options_need_stream, API),
    Rule(
        "response format",
        parameters.response_formats("text", "json_object"),
        f"{API} and https://github.com/UKGovernmentBEIS/inspect_ai/issues/4916",
    ),
    Rule(
        "json mentioned",
        parameters.json_is_mentioned,
        f"{JSON_MODE} and https://github.com/browserbase/stagehand/issues/1204",
    ),
)

THINKING_RULES = (
    *RULES,
    # Outside the messages that call tools the field is ignored.
    Rule(
        "reasoning",
        messages.reasoning_handed_back("reasoning_content"),
        f"{THINKING} and https://github.com/anomalyco/opencode/issues/24722",
    ),
)

CALL_ID = random_id("call_00_", 24, string.ascii_letters + string.digits)

DEEPSEEK = Provider("deepseek", "deepseek-chat", RULES, CALL_ID)
DEEPSEEK_THINKING = Provider("deepseek-thinking", "deepseek-reasoner", THINKING_RULES, CALL_ID, "reasoning_content")
