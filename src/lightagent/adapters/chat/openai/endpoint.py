"""Where a chat model sends its requests: the endpoint, whether its key is missing, and the HTTP client.

A plain endpoint, which is a key and a base URL, is served by a thin aiohttp client: a call through the SDK costs
several times the CPU. The openai SDK is used for what the thin client does not know:

* Azure (deployments in the path, API versions, Active Directory tokens),
* credentials that change (a token provider), a client object of the caller, query parameters on every request,
* proxies that aiohttp cannot use (SOCKS, or TLS to the proxy itself).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from lightagent.adapters._endpoints.endpoint import (
    CHAT_PATH,
    host_of,
    is_same_server,
    key_withheld,
    resolve_base_url,
    resolve_endpoint,
)
from lightagent.adapters._endpoints.provider_names import provider_of_host
from lightagent.adapters.chat.openai.options import Options
from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.runs.agents import ModelEndpoint


def default_key_refusal(options: Options, azure_endpoint: str, environ: Mapping[str, str]) -> ProviderError | None:
    """Return why Azure's key from the environment may not be sent to `azure_endpoint`, or None if it may."""
    named = environ.get("AZURE_OPENAI_ENDPOINT", "")
    if options.api_key or options.default_key_allowed or is_same_server(azure_endpoint, named):
        return None
    variables = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
    variable = next((name for name in variables if environ.get(name)), None)
    return key_withheld(variable, azure_endpoint) if variable else None


def missing_key(options: Options, environ: Mapping[str, str]) -> str:
    """Return which key is missing, as an error text; empty if there is one or the endpoint needs none."""
    if options.client is not None or callable(options.api_key):
        return ""
    if options.azure_endpoint is not None:
        if refusal := default_key_refusal(options, options.azure_endpoint, environ):
            return refusal.message
        known = options.api_key or environ.get("AZURE_OPENAI_API_KEY") or environ.get("AZURE_OPENAI_AD_TOKEN")
        return "" if known else f"There is no API key for {host_of(options.azure_endpoint)}."
    try:
        resolve_endpoint(options, CHAT_PATH, environ)
    except (ConfigurationError, ProviderError) as exc:
        return exc.message
    return ""


def endpoint_of(options: Options, environ: Mapping[str, str]) -> ModelEndpoint:
    """Return where requests go, for telemetry. A bad base URL raises at the first request, not here."""
    provider = "openai" if options.azure_endpoint is None else "azure.ai.openai"
    if options.client is not None:
        url = str(options.client.base_url)
    else:
        try:
            url = options.azure_endpoint or resolve_base_url(options, environ)
        except ConfigurationError:
            return ModelEndpoint(provider)
    parts = urlsplit(url)
    if options.azure_endpoint is None:
        provider = provider_of_host(parts.hostname or "")
    return ModelEndpoint(provider, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


@dataclass(frozen=True, slots=True)
class TransportChoice:
    """The HTTP client, and the reason for it."""

    client: Literal["aiohttp", "sdk"]
    reason: str


def choose_transport(options: Options, proxy: str | None) -> TransportChoice:
    """Return the client for these options behind this proxy.

    Raises:
        ConfigurationError: the options require aiohttp, which cannot serve this endpoint.
    """
    need = _need_of_sdk(options, proxy)
    if options.transport == "sdk":
        return TransportChoice("sdk", "transport is 'sdk'")
    if need is None:
        return TransportChoice("aiohttp", "a key and a base URL are all there is to it")
    if options.transport == "aiohttp":
        raise ConfigurationError(
            f"transport: 'aiohttp' cannot serve this: {need}.", guidance="Leave transport at 'auto'."
        )
    return TransportChoice("sdk", need)


def _need_of_sdk(options: Options, proxy: str | None) -> str | None:
    needs = (
        (options.client is not None, "a client object of the openai SDK was given"),
        (options.azure_endpoint is not None, "azure_endpoint: Azure has its own paths and credentials"),
        (options.api_key is not None and not isinstance(options.api_key, str), "api_key is a token provider"),
        (bool(options.default_query), "default_query is set"),
        (proxy is not None and not proxy.startswith("http://"), "the environment names a proxy that is not http://"),
    )
    return next((reason for needed, reason in needs if needed), None)
