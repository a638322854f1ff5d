"""The rules of vLLM, which renders a request with the model's chat template."""

import string

from tests.servers.strict import call_rules as calls
from tests.servers.strict import message_rules as messages
from tests.servers.strict import parameter_rules as parameters
from tests.servers.strict.provider import Provider, random_id
from tests.servers.strict.rules import Rule

SERVER = "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
PROTOCOL = "https://github.com/vllm-project/vllm (entrypoints/openai/protocol.py)"
TEMPLATE = "https://huggingface.co/Qwen/Qwen3.5-35B-A3B (chat_template.jinja: System message must be at the beginning)"

RULES = (
    Rule("roles", messages.roles("system", "user", "assistant", "tool"), TEMPLATE),
    Rule("system", messages.system_at_the_beginning, TEMPLATE),
    Rule("content", messages.content_types, SERVER),
    Rule("callers", calls.only_assistants_call, PROTOCOL),
    Rule("answered", calls.answered_directly, TEMPLATE),
    Rule("ids", calls.ids(r".+", "a text that is not empty"), PROTOCOL),
    Rule("unique ids", calls.unique_in_a_turn, PROTOCOL),
    Rule("names", calls.names(r"[a-zA-Z0-9_-]{1,64}"), PROTOCOL),
    Rule("arguments", calls.arguments_are_text, PROTOCOL),
    Rule("argument objects", calls.arguments_are_an_object, "https://github.com/vllm-project/vllm/issues/43995"),
    Rule("tools", parameters.tool_declarations(), PROTOCOL),
    Rule("tool choice", parameters.tool_choice_needs_tools, f"{PROTOCOL} (check_tool_usage)"),
    Rule("stream options", parameters.stream_options_need_stream, f"{PROTOCOL} (validate_stream_options)"),
    Rule("response format", parameters.response_formats("text", "json_object", "json_schema"), SERVER),
)

ALTERNATING_RULES = (
    *RULES,
    Rule(
        "alternating",
        messages.alternating,
        "https://github.com/vllm-project/vllm (examples/tool_chat_template_mistral.jinja) and "
        "https://github.com/charmbracelet/crush/issues/279",
    ),
)

VLLM = Provider(
    "vllm", "Qwen/Qwen3.5-35B-A3B", RULES, random_id("chatcmpl-tool-", 32, string.hexdigits.lower()), "reasoning"
)
VLLM_ALTERNATING = Provider("vllm-alternating", "google/gemma-3-27b-it", ALTERNATING_RULES, VLLM.call_id)
