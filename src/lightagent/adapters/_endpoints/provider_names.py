"""The names of providers in OpenTelemetry's GenAI conventions, by LiteLLM's name and by the host of the API."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from lightagent.domain.runs.agents import ModelEndpoint

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
    """Return the provider in a model name of LiteLLM's form, or an empty text if it is unknown."""
    return _BY_PREFIX.get(model.partition("/")[0].lower(), "") if "/" in model else ""


def provider_of_host(host: str) -> str:
    """Return the provider whose API has this host; an unknown one counts as `openai`, whose form it uses."""
    return _BY_HOST.get(host.lower(), "openai")


def endpoint_at(url: str, provider: str | None = None) -> ModelEndpoint:
    """Return the endpoint of a URL, for telemetry.

    Args:
        provider: who is asked there; None: the one whose host it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # A bad URL raises at the first request.
        return ModelEndpoint(provider or "")
    host = parts.hostname or ""
    named = provider_of_host(host) if provider is None else provider
    return ModelEndpoint(named, host, port) if host else ModelEndpoint(named)
