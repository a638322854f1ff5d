"""A key of the environment goes to its own host, unless the user, and not a file, binds it to another.

A file says so by name, ``api_key = { env = "OPENAI_API_KEY" }``, which `lightagent config trust` shows. One that names
a host and no key gets none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lightagent.adapters.registry import find_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

_HOSTS: Final = ("base_url", "azure_endpoint", "api_base")
_MAY_NAME_A_HOST: Final = {"model": re.compile("://"), "arguments": re.compile(r"(?i)[/\\@#?]|base|url|host|endpoint")}
"""Options of LiteLLM that may name a host, and what they hold then; the adapter decides whether they really do."""
_ALLOWED: Final = "default_key_allowed"


def without_default_key(family: str, kind: str, options: JsonObject, in_file: Callable[[str], bool]) -> JsonObject:
    """`options` under which the adapter sends no default key to a host that a file names.

    Args:
        in_file: whether an option was written in a file. An option that holds backends, such as the models of a
            fallback, counts for all that is in it.
    """
    bound = {name: _within(family, value, in_file(name)) for name, value in options.items()}
    try:
        takes_it = _ALLOWED in find_adapter(family, kind).options.model_fields
    except ConfigurationError:
        return bound  # What is wrong with it is told when it is opened.
    by_user = _ALLOWED in options and not in_file(_ALLOWED)
    if (
        takes_it
        and not by_user
        and any(_names_a_host(name, value) and in_file(name) for name, value in options.items())
    ):
        bound[_ALLOWED] = False
    return bound


def _names_a_host(name: str, value: JsonValue) -> bool:
    found = _MAY_NAME_A_HOST.get(name)
    return name in _HOSTS or (found is not None and found.search(str(value)) is not None)


def _within(family: str, value: JsonValue, in_file: bool) -> JsonValue:
    if isinstance(value, list):
        return [_within(family, item, in_file) for item in value]
    if isinstance(value, dict) and isinstance(kind := value.get("kind"), str):
        return without_default_key(family, kind, value, lambda _: in_file)
    return value
