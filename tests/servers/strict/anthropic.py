"""The rules of Anthropic's models behind their OpenAI-compatible endpoint, which passes most of them on."""

import string

from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

COMPATIBLE = "https://platform.claude.com/docs/en/api/openai-sdk"
MESSAGES = "https://platform.claude.com/docs/en/api/messages"
TOOL_USE = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use"

RULES = (
    Rule("roles", messages.roles("system", "developer", "user", "assistant", "tool"), COMPATIBLE),
    Rule("content", messages.content_types, COMPATIBLE),
    Rule(
        "something said",
        messages.not_blank("system", "developer", "user", "assistant"),
        "https://github.com/anthropics/claude-code/issues/59812",
    ),
    Rule(
        "no blank text", messages.no_blank_text_beside_calls, "https://github.com/anthropics/claude-code/issues/23440"
    ),
    Rule("callers", calls.only_assistants_call, COMPATIBLE),
    Rule("answered", calls.answered_directly, f"{TOOL_USE} and https://github.com/aliasrobotics/cai/issues/182"),
    Rule("ids", calls.ids(r"[a-zA-Z0-9_-]+", "of a-z, A-Z, 0-9, _ and -"), f"{MESSAGES} (tool_use.id)"),
    Rule("unique ids", calls.unique_in_all, f"{MESSAGES} (tool_use ids must be unique)"),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,128}"), f"{MESSAGES} (tools.name)"),
    Rule("arguments", calls.arguments_are_text, COMPATIBLE),
    Rule("argument objects", calls.arguments_are_an_object, f"{MESSAGES} (tool_use.input is a dictionary)"),
    Rule("one answer", parameters.at_most_one_answer, f"{COMPATIBLE} (n must be exactly 1)"),
    Rule("tools", parameters.tool_declarations(r"[a-zA-Z0-9_-]{1,128}"), f"{MESSAGES} (tools)"),
)

ANTHROPIC = Provider(
    "anthropic", "claude-sonnet-4-5", RULES, random_id("toolu_01", 22, string.ascii_letters + string.digits)
)
