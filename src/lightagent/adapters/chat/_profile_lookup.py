"""Finds the profile of an endpoint in the table: by host and model, by LiteLLM's model name, or by the line's name."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from lightagent.adapters.chat._profile_table import LINES
from lightagent.adapters.chat._profiles import UNKNOWN, EndpointProfile
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import shown


def find_profile(host: str, model: str) -> EndpointProfile:
    """Return the profile for a model at `host`, or the usual one if the endpoint is unknown."""
    lines = (line for line in LINES if _fits(host.lower(), line.hosts) and _fits(model.lower(), line.models))
    return next((line.profile for line in lines), UNKNOWN)


def find_litellm_profile(model: str) -> EndpointProfile:
    """Return the profile for a model name in LiteLLM's form, such as `deepseek/deepseek-chat`."""
    prefix, _, name = model.lower().rpartition("/")
    provider = prefix.partition("/")[0] or "openai"
    # LiteLLM uses Anthropic's own API for Anthropic.
    lines = (
        line for line in LINES if provider in line.prefixes and provider != "anthropic" and _fits(name, line.models)
    )
    return next((line.profile for line in lines), UNKNOWN)


def named_profile(profile: str | EndpointProfile) -> EndpointProfile:
    """Return the profile that an option names.

    Raises:
        ConfigurationError: no line has that name.
    """
    if isinstance(profile, EndpointProfile):
        return profile
    found = next((line.profile for line in LINES if line.name == profile), None)
    if found is None:
        names = ", ".join(line.name for line in LINES)
        raise ConfigurationError(
            f"profile: unknown profile {shown(profile)}.", guidance=f"Use one of: {names}; or an EndpointProfile."
        )
    return found


def _fits(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
