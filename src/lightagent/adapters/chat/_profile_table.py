"""The table of endpoints that are known to differ from the form that most take. A line is all that a new one needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

from lightagent.adapters.chat._profiles import UNKNOWN, UNSIGNED, EndpointProfile
from lightagent.domain.errors import ConfigurationError

Evidence: TypeAlias = Literal["tried", "read", "reported"]
"""How it is known: tried out, read in the provider's documentation, or reported by others."""


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """One line: whom it is about, what they take, and how that is known.

    Attributes:
        name: what `profile=` calls it.
        hosts: patterns for the host of the base URL.
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

LINES: Final[tuple[ProfileLine, ...]] = (
    ProfileLine(
        "openai-reasoning",
        ("api.openai.com", "*.openai.azure.com"),
        ("openai", "azure"),
        EndpointProfile(beside_tools=True, token_limit="max_completion_tokens"),
        "https://platform.openai.com/docs/guides/reasoning",
        "reported",
        ("o1*", "o3*", "o4*", "gpt-5*"),
    ),
    ProfileLine(
        "openai",
        ("api.openai.com", "*.openai.azure.com"),
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
        ("dashscope.aliyuncs.com", "dashscope-*.aliyuncs.com"),
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
        ("open.bigmodel.cn", "api.z.ai"),
        ("zai",),
        EndpointProfile(structured=_JSON, token_limit="max_tokens"),
        "https://docs.bigmodel.cn",
        "reported",
    ),
    ProfileLine(
        "anthropic",
        ("api.anthropic.com",),
        ("anthropic",),
        EndpointProfile(structured=("prompt",), call_ids="word", repeated_ids=False),
        "https://platform.claude.com/docs/en/api/openai-sdk",
        "reported",
    ),
    ProfileLine(
        "mistral",
        ("api.mistral.ai", "codestral.mistral.ai"),
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
        "groq",
        ("api.groq.com",),
        ("groq",),
        EndpointProfile(in_streams=False, reasoning_fields=("reasoning",), names=False),
        "https://console.groq.com/docs/structured-outputs, https://console.groq.com/docs/openai",
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


def find_profile(host: str, model: str) -> EndpointProfile:
    """What the endpoint at `host` takes for a model; the usual form where nothing else is known."""
    lines = (line for line in LINES if _fits(host.lower(), line.hosts) and _fits(model.lower(), line.models))
    return next((line.profile for line in lines), UNKNOWN)


def find_litellm_profile(model: str) -> EndpointProfile:
    """The same for a model in LiteLLM's form, such as `deepseek/deepseek-chat`."""
    prefix, _, name = model.lower().rpartition("/")
    provider = prefix.partition("/")[0] or "openai"
    # LiteLLM itself asks Anthropic in Anthropic's own form.
    lines = (
        line for line in LINES if provider in line.prefixes and provider != "anthropic" and _fits(name, line.models)
    )
    return next((line.profile for line in lines), UNKNOWN)


def named_profile(profile: str | EndpointProfile) -> EndpointProfile:
    """The profile that an option asks for.

    Raises:
        ConfigurationError: no line has that name.
    """
    if isinstance(profile, EndpointProfile):
        return profile
    found = next((line.profile for line in LINES if line.name == profile), None)
    if found is None:
        names = ", ".join(line.name for line in LINES)
        raise ConfigurationError(f"profile: there is no {profile!r}.", guidance=f"Use one of: {names}; or a profile.")
    return found


def _fits(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
