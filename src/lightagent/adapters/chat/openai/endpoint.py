"""What a chat model tells of its endpoint before it asks: where it is, and whether a key is missing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from lightagent.adapters._endpoints.base_urls import CHAT_PATH, host_of, is_same_server
from lightagent.adapters._endpoints.endpoint import key_withheld, resolve_base_url, resolve_endpoint
from lightagent.adapters._endpoints.provider_names import provider_of_host
from lightagent.adapters.chat.openai.settings import Settings
from lightagent.domain.agent_heads import ModelEndpoint
from lightagent.domain.errors import ConfigurationError, ProviderError


def default_key_refusal(settings: Settings, azure_endpoint: str, environ: Mapping[str, str]) -> ProviderError | None:
    """Why Azure's key of the environment does not go to `azure_endpoint`; None where it may, or another is given."""
    named = environ.get("AZURE_OPENAI_ENDPOINT", "")
    if settings.api_key or settings.default_key_allowed or is_same_server(azure_endpoint, named):
        return None
    variables = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
    variable = next((name for name in variables if environ.get(name)), None)
    return key_withheld(variable, azure_endpoint) if variable else None


def missing_key(settings: Settings, environ: Mapping[str, str]) -> str:
    """What a first request would be refused for, for want of a key; empty where there is one or none is needed."""
    if settings.client is not None or callable(settings.api_key):
        return ""
    if settings.azure_endpoint is not None:
        if refusal := default_key_refusal(settings, settings.azure_endpoint, environ):
            return refusal.message
        known = settings.api_key or environ.get("AZURE_OPENAI_API_KEY") or environ.get("AZURE_OPENAI_AD_TOKEN")
        return "" if known else f"There is no API key for {host_of(settings.azure_endpoint)}."
    try:
        resolve_endpoint(settings, CHAT_PATH, environ)
    except (ConfigurationError, ProviderError) as exc:
        return exc.message
    return ""


def endpoint_of(settings: Settings, environ: Mapping[str, str]) -> ModelEndpoint:
    """Where requests go, as telemetry tells it; a base URL that cannot be used is refused at the first request."""
    provider = "openai" if settings.azure_endpoint is None else "azure.ai.openai"
    if settings.client is not None:
        url = str(settings.client.base_url)
    else:
        try:
            url = settings.azure_endpoint or resolve_base_url(settings, environ)
        except ConfigurationError:
            return ModelEndpoint(provider)
    parts = urlsplit(url)
    if settings.azure_endpoint is None:
        provider = provider_of_host(parts.hostname or "")
    return ModelEndpoint(provider, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
