"""Which HTTP client carries the requests, and why.

A plain endpoint, which is a key and a base URL, is served by a thin aiohttp client: a call of the SDK costs several
times the CPU. The openai SDK serves what it knows and a thin client would have to learn:

* Azure (deployments in the path, API versions, Active Directory tokens),
* credentials that change (a token provider), a client object of your own, query parameters on every request,
* proxies that aiohttp cannot use (SOCKS, or TLS to the proxy itself).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightagent.adapters.chat.openai.settings import Settings
from lightagent.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TransportChoice:
    """The client, and the reason in words."""

    client: Literal["aiohttp", "sdk"]
    reason: str


def choose_transport(settings: Settings, proxy: str | None) -> TransportChoice:
    """The client for these settings behind this proxy.

    Raises:
        ConfigurationError: aiohttp was asked for and cannot do it.
    """
    need = _need_of_sdk(settings, proxy)
    if settings.transport == "sdk":
        return TransportChoice("sdk", "transport = 'sdk' asks for it")
    if need is None:
        return TransportChoice("aiohttp", "a key and a base URL are all there is to it")
    if settings.transport == "aiohttp":
        raise ConfigurationError(
            f"transport: 'aiohttp' cannot serve this: {need}.", guidance="Leave transport at 'auto'."
        )
    return TransportChoice("sdk", need)


def _need_of_sdk(settings: Settings, proxy: str | None) -> str | None:
    needs = (
        (settings.client is not None, "a client object of the openai SDK was given"),
        (settings.azure_endpoint is not None, "azure_endpoint: Azure has its own paths and credentials"),
        (settings.api_key is not None and not isinstance(settings.api_key, str), "api_key is a token provider"),
        (bool(settings.default_query), "default_query is set"),
        (proxy is not None and not proxy.startswith("http://"), "the environment names a proxy that is not http://"),
    )
    return next((reason for needed, reason in needs if needed), None)
