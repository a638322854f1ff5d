"""What the GenAI conventions call the providers of models: by LiteLLM's name of one, and by the host of its API."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from lightagent.domain.agent_heads import ModelEndpoint

_BY_PREFIX: Final = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}

_BY_HOST: Final = {
    "api.anthropic.com": "anthropic",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
}


def provider_of_model(model: str) -> str:
    """The provider that a model's name tells, as LiteLLM writes it; empty where it tells none that is known."""
    return _BY_PREFIX.get(model.partition("/")[0].lower(), "") if "/" in model else ""


def provider_of_host(host: str) -> str:
    """The provider whose API is there; what is not known speaks OpenAI's form, and is called by that."""
    return _BY_HOST.get(host.lower(), "openai")


def endpoint_at(url: str, provider: str | None = None) -> ModelEndpoint:
    """Where a URL leads, as telemetry tells it.

    Args:
        provider: who is asked there; None: the one whose host it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # No URL; the first request will say so.
        return ModelEndpoint(provider or "")
    host = parts.hostname or ""
    named = provider_of_host(host) if provider is None else provider
    return ModelEndpoint(named, host, port) if host else ModelEndpoint(named)
