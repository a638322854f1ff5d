"""The environment variables in which LiteLLM looks for a key, for providers that are asked with nothing else.

Asking litellm itself would load the package, which takes seconds. Providers with other ways to prove who asks, such as
Bedrock, Vertex, Azure and xAI, are left out, and so is every provider that is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "moonshot": ("MOONSHOT_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
}

# Models that are asked for without their provider.
_BARE: Final = {"gpt-": "openai", "claude-": "anthropic"}


def missing_variable(model: str, environ: Mapping[str, str]) -> str:
    """That the provider's key is in no variable, as a sentence; empty where it is, or where nothing is known."""
    provider, slash, _ = model.partition("/")
    if not slash:
        provider = next((known for start, known in _BARE.items() if model.startswith(start)), "")
    names = _VARIABLES.get(provider, ())
    if not names or any(environ.get(name, "").strip() for name in names):
        return ""
    unset = f"{names[0]} is not set" if len(names) == 1 else f"none of {', '.join(names)} is set"
    return f"There is no API key for {model}: {unset}."
