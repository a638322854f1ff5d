"""Where requests go and who they say they are: what an adapter was told, completed from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lightagent.adapters._endpoints.base_urls import checked, host_of, is_loopback, is_same_server
from lightagent.domain.errors import ConfigurationError, ProviderError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_KEY_HEADERS = {"authorization", "api-key", "x-api-key"}


class Access(Protocol):
    """What an adapter was told of its endpoint, before the environment fills the gaps."""

    @property
    def api_key(self) -> object:
        """The key, where it is a text; whatever else an adapter takes in its place is its own matter."""
        ...

    @property
    def base_url(self) -> str | None:
        """Where the API begins."""
        ...

    @property
    def organization(self) -> str | None:
        """Who is billed."""
        ...

    @property
    def project(self) -> str | None:
        """For what."""
        ...

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Further headers of each request, which win over ours."""
        ...

    @property
    def default_key_allowed(self) -> bool:
        """Whether a key of the environment may go to a host that neither the environment names nor is OpenAI's."""
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
        """Where a request is posted."""
        return self.base_url + self.path

    @property
    def host(self) -> str:
        """For error texts."""
        return host_of(self.base_url)


def resolve_endpoint(settings: Access, path: str, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint at `path` that settings and environment describe together.

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
    """The base URL, wherever it is named."""
    if settings.base_url is not None:
        return settings.base_url
    if named := environ.get("OPENAI_BASE_URL"):
        return checked(named, "OPENAI_BASE_URL")
    return DEFAULT_BASE_URL


def key_withheld(variable: str, url: str) -> ProviderError:
    """Why a key of the environment does not go to a host that a settings file names."""
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
    # Also a region of OpenAI's, such as eu.api.openai.com.
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
    """A line break in a header would begin another one; a key pasted with one must not become an untyped error."""
    for name, value in headers.items():
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            place = "api_key" if name == "Authorization" else f"headers.{name!r}"
            raise ConfigurationError(
                f"{place} has a character that no HTTP header can hold.", guidance="Look for line breaks and quotes."
            )
