"""Base URLs: what is a good one, and what to say of a bad one."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.masking import MASK, mask_urls, shown
from lightagent.domain.secret_forms import mask_forms

CHAT_PATH = "/chat/completions"
EMBEDDINGS_PATH = "/embeddings"
_REMEDY = "Give http:// or https://, a host, and the path where the API begins (most end in /v1)."
_SHOWN = 200
_SCHEMELESS = re.compile(
    r"(localhost|(\d{1,3}\.){3}\d{1,3}|([a-z\d-]{1,30}\.){1,5}[a-z]{2,10})(:\d{1,5})?(/v\d{0,3}/?)?", re.IGNORECASE
)
"""A host with or without a port, as short as no key is, and at most the usual path."""
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")


def checked(url: str, name: str = "base_url") -> str:
    """`url` without a slash at its end.

    Raises:
        ConfigurationError: `url` is not a valid base URL; `name` says in the message where it came from.
    """
    if (problem := problem_of(url)) is not None:
        raise ConfigurationError(f"{name}: {problem}", guidance=_REMEDY)
    return url.rstrip("/")


@lru_cache(maxsize=64)
def problem_of(url: str) -> str | None:
    """Return why `url` is not a valid base URL, or None if it is."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return f"{_shown(url)} has a blank or control character in it."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no URL; look at the host and the port."  # What was taken for a port may be a password.
    if parts.scheme not in ("http", "https") or not host:
        if _SCHEMELESS.fullmatch(url):
            return f"{url} has no scheme: write http:// or https:// before it."
        return f"{_shown(url)} is no http or https URL with a host."
    return _misplaced(url, parts)


def _misplaced(url: str, parts: SplitResult) -> str | None:
    """What belongs elsewhere."""
    if "@" in parts.netloc:
        return "it must not hold a user or password; pass them in headers."
    if parts.query or parts.fragment:
        return f"{_shown(url)} has a query or fragment; pass queries in default_query."
    for path in (CHAT_PATH, EMBEDDINGS_PATH):
        if parts.path.rstrip("/").endswith(path):
            return f"{_shown(url)} ends in {path}, which is added to it; leave that off."
    return None


def host_of(url: str) -> str:
    """The host, for error texts and rules."""
    return urlsplit(url).hostname or ""


def shown_url(url: str | None) -> str | None:
    """`url` as a `repr` may show it: some gateways have their token in the path."""
    return None if url is None else mask_forms(mask_urls(url), MASK)


def is_same_server(one: str, other: str) -> bool:
    """Whether two URLs lead to one scheme, host and port."""
    return _server(one) == _server(other)


def _server(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """Whether the endpoint is on this machine, where a key is rarely asked for and no proxy is between."""
    return _LOOPBACK.fullmatch(host_of(url)) is not None


def _shown(url: str) -> str:
    """`url` for an error text, whole or not at all: a part of a secret would be one that no mask knows."""
    return shown(mask_urls(url)) if len(url) <= _SHOWN and "@" not in url else f"A text of {len(url)} characters"
