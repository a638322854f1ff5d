"""Clients of the openai SDK, made from the settings. Its own retries are off: the run alone repeats requests."""

from __future__ import annotations

from collections.abc import Mapping

import openai

from lightagent.adapters._endpoints.base_urls import CHAT_PATH
from lightagent.adapters._endpoints.endpoint import resolve_base_url, resolve_endpoint
from lightagent.adapters.chat.openai.endpoint import default_key_refusal
from lightagent.adapters.chat.openai.settings import Settings, TokenProvider
from lightagent.domain.errors import ConfigurationError

KEYLESS = "none"
"""Stands for the key that an endpoint on this machine does not need; it is never sent."""


def make_client(settings: Settings, environ: Mapping[str, str]) -> openai.AsyncOpenAI:
    """A client for the running event loop.

    Raises:
        ConfigurationError: the settings do not make an endpoint.
        ProviderError: LA-401, the API key is missing.
        openai.OpenAIError: what only the SDK sees, such as missing credentials of Azure.
    """
    timeout = openai.Timeout(None, connect=settings.connect_timeout)
    if settings.azure_endpoint is not None:
        return _azure_client(settings, settings.azure_endpoint, environ, timeout)
    key: str | TokenProvider
    if settings.api_key is not None and not isinstance(settings.api_key, str):
        key = settings.api_key
    else:
        key = resolve_endpoint(settings, CHAT_PATH, environ).key or KEYLESS
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=resolve_base_url(settings, environ),
        organization=settings.organization,
        project=settings.project,
        default_query=settings.default_query or None,
        max_retries=0,
        timeout=timeout,
    )


def _azure_client(
    settings: Settings, azure_endpoint: str, environ: Mapping[str, str], timeout: openai.Timeout
) -> openai.AsyncOpenAI:
    api_version = settings.api_version or environ.get("OPENAI_API_VERSION")
    if not api_version:
        raise ConfigurationError(
            "api_version: Azure needs one.", guidance="Set api_version or OPENAI_API_VERSION, such as '2024-10-21'."
        )
    if refusal := default_key_refusal(settings, azure_endpoint, environ):
        raise refusal
    key = settings.api_key.strip() if isinstance(settings.api_key, str) else settings.api_key
    return openai.AsyncAzureOpenAI(
        azure_endpoint=azure_endpoint,
        # The SDK would take it from the body, but the body is bytes by now.
        azure_deployment=settings.azure_deployment or settings.model,
        api_version=api_version,
        api_key=key if isinstance(key, str) else None,
        azure_ad_token_provider=None if isinstance(key, str) else key,
        organization=settings.organization,
        project=settings.project,
        default_query=settings.default_query or None,
        max_retries=0,
        timeout=timeout,
    )
