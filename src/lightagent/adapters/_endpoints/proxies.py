"""The proxy between this machine and an endpoint, as the environment names it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from lightagent.adapters._endpoints.base_urls import is_loopback


def proxy_of(url: str) -> str | None:
    """The proxy for a URL; None for one on this machine, or where there is none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return proxy_for(parts.scheme, getproxies())


def proxy_for(scheme: str, proxies: Mapping[str, str]) -> str | None:
    """The proxy for URLs of `scheme`, from the proxies by scheme as `urllib.request.getproxies` finds them."""
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
