"""Which keys of the environment LiteLLM would send, and to whom they may go.

Asking litellm itself would load the package, which takes seconds. Providers with other ways to prove who asks, such as
Bedrock, Vertex, Azure and xAI, are left out, and so is every provider that is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lightagent.adapters._endpoints.endpoint import host_of, is_loopback, is_same_server
from lightagent.adapters._endpoints.hosted_providers import HOSTED
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject, JsonValue

NO_KEY: Final = "not-needed"
"""Passed in place of a key, so that LiteLLM does not look for one."""

_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    **{provider.litellm: (provider.key, *provider.other_keys) for provider in HOSTED if provider.litellm},
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
}
_BASE_URLS: Final = {provider.litellm: provider.base_url for provider in HOSTED if provider.litellm}

_OWN_SERVERS: Final = frozenset(
    {"hosted_vllm", "ollama", "ollama_chat", "lm_studio", "llamafile", "litellm_proxy", "custom_openai"}
)
"""Self-hosted providers, to which LiteLLM sends only the key that is passed."""

# Models whose names are used without their provider.
_BARE: Final = {"gpt-": "openai", "claude-": "anthropic"}

_PLACE: Final = re.compile(r"(?i)base|url|host|endpoint|region|location")
"""Arguments from which LiteLLM builds the URL of an API."""


def missing_variable(model: str, environ: Mapping[str, str]) -> str:
    """Return which variables lack the provider's key, as a sentence; empty if one has it or the provider is unknown."""
    names = _VARIABLES.get(_provider(model), ())
    if not names or any(environ.get(name, "").strip() for name in names):
        return ""
    unset = f"{names[0]} is not set" if len(names) == 1 else f"none of {', '.join(names)} is set"
    return f"There is no API key for {model}: {unset}."


def names_own_host(model: str, api_base: str | None, arguments: JsonObject, environ: Mapping[str, str]) -> bool:
    """Whether requests go only to the provider's own host, or to the one that the environment names."""
    if "://" in model or _leads_elsewhere(arguments):
        return False
    if api_base is None:
        return True
    provider = _provider(model)
    named = (environ.get(f"{provider.upper()}_{end}", "") for end in ("API_BASE", "BASE_URL"))
    return any(url and is_same_server(api_base, url) for url in (_BASE_URLS.get(provider, ""), *named))


def key_refusal(
    model: str, api_base: str | None, environ: Mapping[str, str], section: str = "MODEL"
) -> ProviderError | None:
    """Return why a request without a key is not sent to a host from a file, or None if it needs no credentials.

    Args:
        section: the section of the settings that names the host.
    """
    provider = _provider(model)
    variables = _VARIABLES.get(provider, ())
    found = next((name for name in variables if environ.get(name, "").strip()), None)
    takes_no_other = bool(variables) or provider in _OWN_SERVERS
    if takes_no_other and (found is None or is_loopback(api_base or "")):
        return None
    host = host_of(api_base or "") or "another host"
    return ProviderError(
        f"{found or 'A credential of the environment'} is not sent to {host}, a host that a settings "
        f'file names without a key. To send it there, add to the file: api_key = {{ env = "{found or "…"}" }}.',
        code="LA-401",
        guidance="Do so only if the host is meant to have that key; otherwise refer to another variable. If the "
        f"host takes no key but other credentials, set LIGHTAGENT__{section}__DEFAULT_KEY_ALLOWED=true.",
        retryable=False,
    )


def _provider(model: str) -> str:
    provider, slash, _ = model.partition("/")
    return provider if slash else next((known for start, known in _BARE.items() if model.startswith(start)), "")


def _leads_elsewhere(value: JsonValue, name: str = "") -> bool:
    """Whether a text in the arguments names a host: it is a URL, or LiteLLM builds one from it."""
    if isinstance(value, Mapping):
        return any(_leads_elsewhere(one, inner) for inner, one in value.items())
    if isinstance(value, list):
        return any(_leads_elsewhere(one, name) for one in value)
    if not isinstance(value, str):
        return False
    return "://" in value or (_PLACE.search(name) is not None and not re.fullmatch(r"[\w-]*", value, re.ASCII))
