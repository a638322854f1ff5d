"""Where requests go and who they say they are: the settings, completed from the environment at the first request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lightagent.adapters.chat.openai.base_urls import PATH, checked, host_of, is_loopback, is_same_server
from lightagent.adapters.chat.openai.settings import Settings
from lightagent.domain.agent_heads import ModelEndpoint
from lightagent.domain.errors import ConfigurationError, ProviderError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_KEY_HEADERS = {"authorization", "api-key", "x-api-key"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A plain endpoint, ready for requests.

    Attributes:
        base_url: without a slash at its end.
        key: None where no key was given and none is needed.
        headers: of every request, the key's among them.
    """

    base_url: str
    key: str | None = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Where a request is posted."""
        return self.base_url + PATH

    @property
    def host(self) -> str:
        """For error texts."""
        return host_of(self.base_url)


def resolve_endpoint(settings: Settings, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint that settings and environment describe together.

    Raises:
        ConfigurationError: a base URL or a header that cannot be used.
        ProviderError: LA-401, there is no key and the endpoint is not on this machine.
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
        raise _withheld("OPENAI_API_KEY", base_url) if withheld else _no_key(base_url)
    return Endpoint(base_url, key, headers)


def default_key_refusal(settings: Settings, azure_endpoint: str, environ: Mapping[str, str]) -> ProviderError | None:
    """Why Azure's key of the environment does not go to `azure_endpoint`; None where it may, or another is given."""
    named = environ.get("AZURE_OPENAI_ENDPOINT", "")
    if settings.api_key or settings.default_key_allowed or is_same_server(azure_endpoint, named):
        return None
    variables = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")
    variable = next((name for name in variables if environ.get(name)), None)
    return _withheld(variable, azure_endpoint) if variable else None


def _may_have_default_key(settings: Settings, base_url: str, environ: Mapping[str, str]) -> bool:
    if settings.default_key_allowed or is_same_server(base_url, environ.get("OPENAI_BASE_URL", "")):
        return True
    # Also a region of OpenAI's, such as eu.api.openai.com.
    host = host_of(base_url)
    own = host if host.endswith(f".{host_of(DEFAULT_BASE_URL)}") else host_of(DEFAULT_BASE_URL)
    return is_same_server(base_url, f"https://{own}")


def _no_key(url: str) -> ProviderError:
    return ProviderError(f"There is no API key for {host_of(url)}.", code="LA-401", retryable=False)


def _withheld(variable: str, url: str) -> ProviderError:
    return ProviderError(
        f"{variable} is not sent to {host_of(url)}, a host that a settings file names without a key. "
        f'To send it there, add to the file: api_key = {{ env = "{variable}" }}.',
        code="LA-401",
        guidance="Do so only if the host is meant to have that key; otherwise refer to another variable.",
        retryable=False,
    )


def resolve_base_url(settings: Settings, environ: Mapping[str, str]) -> str:
    """The base URL, wherever it is named."""
    if settings.base_url is not None:
        return settings.base_url
    if named := environ.get("OPENAI_BASE_URL"):
        return checked(named, "OPENAI_BASE_URL")
    return DEFAULT_BASE_URL


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
        resolve_endpoint(settings, environ)
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
    return ModelEndpoint(provider, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _check_headers(headers: Mapping[str, str]) -> None:
    """A line break in a header would begin another one; a key pasted with one must not become an untyped error."""
    for name, value in headers.items():
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            place = "api_key" if name == "Authorization" else f"headers.{name!r}"
            raise ConfigurationError(
                f"{place} has a character that no HTTP header can hold.", guidance="Look for line breaks and quotes."
            )
