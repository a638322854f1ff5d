"""Where requests go: the base URL, the API key with the other headers, and the proxy.

An adapter's options come first, then the environment. A bad base URL raises where it is set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from lightagent.domain.errors import ConfigurationError, ProviderError
from lightagent.domain.secrets.forms import mask_forms
from lightagent.domain.secrets.masking import MASK, mask_urls, shown

CHAT_PATH = "/chat/completions"
EMBEDDINGS_PATH = "/embeddings"
_REMEDY = "Give http:// or https://, a host, and the path where the API begins (most end in /v1)."
_SHOWN = 200
_SCHEMELESS = re.compile(
    r"(localhost|(\d{1,3}\.){3}\d{1,3}|([a-z\d-]{1,30}\.){1,5}[a-z]{2,10})(:\d{1,5})?(/v\d{0,3}/?)?", re.IGNORECASE
)
"""A host, with or without a port and the usual path. It is shorter than any key, so it can be shown."""
_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")


def check_url(url: str, name: str = "base_url") -> str:
    """Return `url` without a slash at its end.

    Raises:
        ConfigurationError: `url` is not a valid base URL; `name` says in the message where it came from.
    """
    if (problem := url_problem(url)) is not None:
        raise ConfigurationError(f"{name}: {problem}", guidance=_REMEDY)
    return url.rstrip("/")


@lru_cache(maxsize=64)
def url_problem(url: str) -> str | None:
    """Return why `url` is not a valid base URL, or None if it is."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return f"{_shown(url)} has whitespace or a control character in it."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a valid URL; check the host and the port."  # A bad port may be a password.
    if parts.scheme not in ("http", "https") or not host:
        if _SCHEMELESS.fullmatch(url):
            return f"{url} has no scheme: write http:// or https:// before it."
        return f"{_shown(url)} is not an http or https URL with a host."
    return _misplaced(url, parts)


def _misplaced(url: str, parts: SplitResult) -> str | None:
    """Return what the URL contains that must be passed elsewhere, or None."""
    if "@" in parts.netloc:
        return "it must not hold a user or password; pass them in headers."
    if parts.query or parts.fragment:
        return f"{_shown(url)} has a query or fragment; pass queries in default_query."
    for path in (CHAT_PATH, EMBEDDINGS_PATH):
        if parts.path.rstrip("/").endswith(path):
            return f"{_shown(url)} ends in {path}, which is added automatically; leave that off."
    return None


def host_of(url: str) -> str:
    """Return the host of a URL, or an empty text."""
    return urlsplit(url).hostname or ""


def shown_url(url: str | None) -> str | None:
    """Return `url` without the tokens that some gateways have in the path, for a `repr`."""
    return None if url is None else mask_forms(mask_urls(url), MASK)


def is_same_server(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return _server(one) == _server(other)


def _server(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """Whether the endpoint is on this machine: it needs no key, and no proxy is used."""
    return _LOOPBACK.fullmatch(host_of(url)) is not None


def _shown(url: str) -> str:
    """Return `url` for an error text, whole or not at all: no mask would recognise a part of a secret."""
    return shown(mask_urls(url)) if len(url) <= _SHOWN and "@" not in url else f"A text of {len(url)} characters"


DEFAULT_BASE_URL = "https://api.openai.com/v1"
_KEY_HEADERS = {"authorization", "api-key", "x-api-key"}


class Access(Protocol):
    """The options of an adapter that describe its endpoint, before the environment fills the gaps."""

    @property
    def api_key(self) -> object:
        """The key. Only a text is used here; adapters may accept other forms of it."""
        ...

    @property
    def base_url(self) -> str | None:
        """Where the API begins."""
        ...

    @property
    def organization(self) -> str | None:
        """The organization that is billed."""
        ...

    @property
    def project(self) -> str | None:
        """The project that is billed."""
        ...

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Further request headers, which replace those of the adapter."""
        ...

    @property
    def default_key_allowed(self) -> bool:
        """Whether a key of the environment may go to a host that is not OpenAI's and not named there."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A plain endpoint, ready for requests.

    Attributes:
        base_url: without a slash at its end.
        path: what is added to it, such as ``/embeddings``.
        key: None if no key was given and none is required.
        headers: of every request, the key's among them.
    """

    base_url: str
    path: str
    key: str | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """The URL that requests are posted to."""
        return self.base_url + self.path

    @property
    def host(self) -> str:
        """The host, for error texts."""
        return host_of(self.base_url)


def resolve_endpoint(settings: Access, path: str, environ: Mapping[str, str]) -> Endpoint:
    """Return the endpoint at `path`, from the options and the environment.

    Raises:
        ConfigurationError: a base URL or a header that cannot be used.
        ProviderError: LA-401, the API key is missing and the endpoint is not on this machine.
    """
    base_url = resolve_base_url(settings, environ)
    given = settings.api_key if isinstance(settings.api_key, str) else None
    default = environ.get("OPENAI_API_KEY", "").strip()
    withheld = not given and bool(default) and not _may_have_default_key(settings, base_url, environ)
    key = None if withheld else (given or default).strip() or None
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "lightagent"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if organization := settings.organization or environ.get("OPENAI_ORG_ID"):
        headers["OpenAI-Organization"] = organization
    if project := settings.project or environ.get("OPENAI_PROJECT_ID"):
        headers["OpenAI-Project"] = project
    own = settings.headers or {}
    overridden = {name.lower() for name in own}
    headers = {name: value for name, value in headers.items() if name.lower() not in overridden} | dict(own)
    _check_headers(headers)
    if key is None and not overridden & _KEY_HEADERS and not is_loopback(base_url):
        raise key_withheld("OPENAI_API_KEY", base_url) if withheld else _no_key(base_url)
    return Endpoint(base_url, path, key, headers)


def resolve_base_url(settings: Access, environ: Mapping[str, str]) -> str:
    """Return the base URL from the options or the environment, or OpenAI's."""
    if settings.base_url is not None:
        return settings.base_url
    if named := environ.get("OPENAI_BASE_URL"):
        return check_url(named, "OPENAI_BASE_URL")
    return DEFAULT_BASE_URL


def key_withheld(variable: str, url: str) -> ProviderError:
    """Return the error for a key of the environment that may not be sent to a host from a settings file."""
    return ProviderError(
        f"{variable} is not sent to {host_of(url)}, a host that a settings file names without a key. "
        f'To send it there, add to the file: api_key = {{ env = "{variable}" }}.',
        code="LA-401",
        guidance="Do so only if the host is meant to have that key; otherwise refer to another variable.",
        retryable=False,
    )


def _may_have_default_key(settings: Access, base_url: str, environ: Mapping[str, str]) -> bool:
    if settings.default_key_allowed or is_same_server(base_url, environ.get("OPENAI_BASE_URL", "")):
        return True
    # A regional host, such as eu.api.openai.com, also counts as OpenAI's.
    host = host_of(base_url)
    own = host if host.endswith(f".{host_of(DEFAULT_BASE_URL)}") else host_of(DEFAULT_BASE_URL)
    return is_same_server(base_url, f"https://{own}")


def _no_key(url: str) -> ProviderError:
    return ProviderError(
        f"There is no API key for {host_of(url)}.",
        code="LA-401",
        guidance='Set OPENAI_API_KEY or pass api_key=. To try an agent without one: LightAgent(provider="offline").',
        retryable=False,
    )


def _check_headers(headers: Mapping[str, str]) -> None:
    """Raise a typed error for characters that HTTP headers cannot hold, such as the line break of a pasted key."""
    for name, value in headers.items():
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            place = "api_key" if name == "Authorization" else f"headers.{name!r}"
            raise ConfigurationError(
                f"{place} has a character that an HTTP header cannot hold.", guidance="Look for line breaks and quotes."
            )


def proxy_of(url: str) -> str | None:
    """Return the proxy for a URL, or None, as for a URL on this machine."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return proxy_for(parts.scheme, getproxies())


def proxy_for(scheme: str, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy for URLs of `scheme` from the result of `urllib.request.getproxies`."""
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
