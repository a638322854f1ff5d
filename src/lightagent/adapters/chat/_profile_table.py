"""The table of endpoints: what is known of each. A line is all that a new one needs.

Some lines hold the form that most take: so much is known of them, and they can be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.adapters.chat._profiles import UNKNOWN, UNSIGNED, EndpointProfile

Evidence: TypeAlias = Literal["tried", "read", "reported"]
"""How it is known: tried out, read in the provider's documentation, or reported by others."""


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """One line: whom it is about, what they take, and how that is known.

    Attributes:
        name: what `profile=` calls it.
        hosts: patterns for the host of the base URL; none for servers of one's own, which are named.
        prefixes: the provider's names before the slash in LiteLLM's model names.
        models: patterns for the model's name; any by default.
        source: where it is written.
    """

    name: str
    hosts: tuple[str, ...]
    prefixes: tuple[str, ...]
    profile: EndpointProfile
    source: str
    evidence: Evidence
    models: tuple[str, ...] = ("*",)


_THINKING: Final = ("reasoning_content",)
_NO_THOUGHTS: Final = ("reasoning_content", "")
_JSON: Final = ("json_object", "prompt")

_OPENAI: Final = (
    "api.openai.com",
    "*.api.openai.com",  # a region, such as eu.
    "*.openai.azure.com",
    "*.cognitiveservices.azure.com",
    "*.services.ai.azure.com",
)

LINES: Final[tuple[ProfileLine, ...]] = (
    ProfileLine(
        "openai-reasoning",
        _OPENAI,
        ("openai", "azure"),
        EndpointProfile(beside_tools=True, token_limit="max_completion_tokens"),
        "https://platform.openai.com/docs/guides/reasoning",
        "reported",
        ("o1*", "o3*", "o4*", "gpt-5*"),
    ),
    ProfileLine(
        "openai",
        _OPENAI,
        ("openai", "azure"),
        EndpointProfile(beside_tools=True),
        "https://platform.openai.com/docs/guides/structured-outputs",
        "reported",
    ),
    ProfileLine(
        "deepseek",
        ("api.deepseek.com",),
        ("deepseek",),
        EndpointProfile(
            structured=_JSON, token_limit="max_tokens", reasoning_fields=_THINKING, call_reasoning=_NO_THOUGHTS
        ),
        "https://platform.deepseek.com/api-docs/guides/json_mode/, "
        "https://api-docs.deepseek.com/guides/thinking_mode#tool-calls",
        "read",
    ),
    ProfileLine(
        "qwen",
        ("dashscope.aliyuncs.com", "dashscope-*.aliyuncs.com", "*.dashscope.aliyuncs.com", "*.maas.aliyuncs.com"),
        ("dashscope",),
        EndpointProfile(structured=_JSON, token_limit="max_tokens"),
        "https://www.alibabacloud.com/help/en/model-studio/qwen-structured-output",
        "read",
    ),
    ProfileLine(
        "moonshot",
        ("api.moonshot.cn", "api.moonshot.ai"),
        ("moonshot",),
        # An empty text counts as none there.
        EndpointProfile(
            structured=_JSON,
            token_limit="max_tokens",
            reasoning_fields=_THINKING,
            call_reasoning=("reasoning_content", " "),
        ),
        "https://github.com/Gitlawb/openclaude/pull/805, https://github.com/MoonshotAI/Kimi-K2/issues/96, "
        "https://github.com/theopenco/llmgateway/pull/2093",
        "reported",
    ),
    ProfileLine(
        "zhipu",
        ("open.bigmodel.cn", "dev.bigmodel.cn", "api.z.ai"),
        ("zai", "bigmodel"),
        EndpointProfile(structured=_JSON, token_limit="max_tokens"),
        "https://docs.bigmodel.cn, https://java.agentscope.io/v2/en/integration/model/glm",
        "reported",
    ),
    ProfileLine(
        "anthropic",
        ("api.anthropic.com",),
        ("anthropic",),
        EndpointProfile(structured=("prompt",), call_ids="word", repeated_ids=False),
        "https://platform.claude.com/docs/en/api/openai-sdk",
        "read",
    ),
    ProfileLine(
        "stepfun",
        ("api.stepfun.com", "api.stepfun.ai"),
        ("stepfun",),
        EndpointProfile(structured=_JSON, token_limit="max_tokens"),
        "https://platform.stepfun.com/docs/zh/guide/json_mode, https://github.com/BerriAI/litellm/pull/33186",
        "read",
    ),
    ProfileLine(
        "minimax",
        ("api.minimax.io", "api.minimaxi.com", "api.minimax.chat", "api-*.minimax.io", "api-*.minimaxi.com"),
        ("minimax",),
        EndpointProfile(structured=("prompt",), token_limit="max_completion_tokens", parallel_calls=False),
        "https://java.agentscope.io/v2/en/integration/model/minimax",
        "reported",
    ),
    ProfileLine(
        "baichuan",
        ("api.baichuan-ai.com",),
        (),
        EndpointProfile(structured=("prompt",), token_limit="max_tokens"),
        "https://docs.cloudsway.net/maasapi/api-reference/text/MaaS_baichuan/",
        "reported",
    ),
    ProfileLine(
        "openrouter",
        ("openrouter.ai", "*.openrouter.ai"),
        ("openrouter",),
        UNKNOWN,
        "https://openrouter.ai/docs/structured-outputs",
        "read",
    ),
    ProfileLine(
        "mistral",
        ("api.mistral.ai", "*.api.mistral.ai", "api.*.mistral.ai", "codestral.mistral.ai"),
        ("mistral", "codestral"),
        EndpointProfile(
            token_limit="max_tokens",
            stream_options=False,
            reasoning_fields=(),
            call_ids="nine_letters",
            names=False,
            user_after_tools=False,
        ),
        "https://github.com/mistralai/mistral-common, https://github.com/avante-corp/avante.nvim/issues/2347, "
        "https://github.com/BerriAI/litellm/issues/30835",
        "read",
    ),
    ProfileLine(
        "gemini-3",
        ("generativelanguage.googleapis.com",),
        (),  # LiteLLM asks Gemini in Gemini's own form.
        EndpointProfile(first_call=UNSIGNED),
        "https://ai.google.dev/gemini-api/docs/thought-signatures",
        "read",
        ("gemini-3*", "models/gemini-3*"),
    ),
    ProfileLine(
        "gemini",
        ("generativelanguage.googleapis.com",),
        (),  # LiteLLM asks Gemini in Gemini's own form.
        UNKNOWN,
        "https://ai.google.dev/gemini-api/docs/openai, https://github.com/googleapis/python-genai/issues/867",
        "reported",
    ),
    ProfileLine(
        "groq",
        ("api.groq.com",),
        ("groq",),
        EndpointProfile(in_streams=False, reasoning_fields=("reasoning",), names=False),
        "https://console.groq.com/docs/structured-outputs, https://console.groq.com/docs/openai",
        "read",
    ),
    ProfileLine(
        "xai",
        ("api.x.ai", "*.api.x.ai"),
        ("xai",),
        UNKNOWN,
        "https://hexdocs.pm/req_llm/ReqLLM.Providers.XAI.html",
        "reported",
    ),
    ProfileLine(
        "together",
        ("api.together.xyz", "api.together.ai"),
        ("together_ai",),
        UNKNOWN,
        "https://docs.together.ai/docs/inference/chat/structured-outputs",
        "read",
    ),
    # Servers of one's own have any host: they are named, as in profile="ollama".
    ProfileLine(
        "vllm",
        (),
        ("hosted_vllm",),
        UNKNOWN,
        "https://github.com/vllm-project/vllm/issues/39929",
        "reported",
    ),
    ProfileLine(
        "llama.cpp",
        (),
        (),
        UNKNOWN,
        "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        "tried",
    ),
    ProfileLine(
        "ollama",
        (),
        (),  # LiteLLM asks Ollama in Ollama's own form.
        EndpointProfile(token_limit="max_tokens"),
        "https://docs.ollama.com/api/openai-compatibility",
        "read",
    ),
    ProfileLine(
        "litellm-proxy",
        (),
        (),
        UNKNOWN,
        "https://docs.litellm.ai/docs/simple_proxy",
        "read",
    ),
    # Whatever the host, such as vLLM's: these chat templates refuse two messages of one role in a row.
    ProfileLine(
        "alternating",
        (),
        (),
        EndpointProfile(alternating=True),
        "https://github.com/charmbracelet/crush/issues/279, "
        "https://github.com/vllm-project/vllm/blob/main/examples/tool_chat_template_mistral.jinja",
        "reported",
    ),
)
"""The first line that fits counts."""
