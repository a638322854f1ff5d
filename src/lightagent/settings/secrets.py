"""Secrets: settings hold references to the environment, never the secret itself.

A reference is ``{ env = "NAME" }``. It is looked up when the backend is opened, so that settings can be shown, compared
and logged by anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.masking import Mask, mask_options, mask_urls
from lightagent.domain.secrets.names import holds_secrets, is_secret_name, is_secret_within
from lightagent.settings.origins import KeyPath


def reference(value: JsonValue) -> str | None:
    """The environment variable that `value` refers to, or None if it is not a reference."""
    if isinstance(value, dict) and list(value) == ["env"] and isinstance(name := value["env"], str):
        return name
    return None


def keys_beside_env(path: KeyPath, value: JsonValue) -> Iterator[KeyPath]:
    """The paths of keys beside ``env`` in the place of a secret, where a reference was meant."""
    if isinstance(value, list):
        for item in value:
            yield from keys_beside_env(path, item)
    elif isinstance(value, dict):
        meant = is_meant_as_reference(path, value)
        for name, item in value.items():
            if meant and name != "env":
                yield (*path, name)
            elif not meant:
                yield from keys_beside_env((*path, name), item)


def is_meant_as_reference(path: KeyPath, value: JsonObject) -> bool:
    """Whether a table with ``env`` stands where a secret belongs; elsewhere ``env`` may be a name like any other."""
    return "env" in value and bool(path) and is_secret_name(path[-1]) and not _is_of_a_name(path)


def _is_of_a_name(path: KeyPath) -> bool:
    """Whether the last part of a path is a name that users gave: to a server, an API or a security scheme.

    It says nothing about the value.
    """
    return len(path) == 2 and path[0] in ("mcp", "openapi")


def refer_to(variable: str) -> JsonObject:
    """A reference to an environment variable."""
    return {"env": variable}


def literal_secrets(path: KeyPath, value: JsonValue, secret: bool = False) -> Iterator[KeyPath]:
    """The paths of secrets written out in `value`; `secret` says that `path` is known to hold one."""
    if isinstance(value, str):
        named = is_secret_name(path[-1]) or any(
            holds_secrets(table) for place, table in enumerate(path[:-1], 1) if not _is_of_a_name(path[:place])
        )
        if value and (secret or named or mask_urls(value) != value):
            yield path
    elif isinstance(value, list):
        for item in value:
            yield from literal_secrets(path, item, secret)
    elif isinstance(value, dict) and reference(value) is None:
        for name, item in value.items():
            yield from literal_secrets((*path, name), item, secret)


def masked(name: str, value: JsonValue, secret: bool = False) -> JsonValue:
    """Return `value` for display: literal secrets are masked, references are kept."""
    if reference(value) is not None:
        return value
    if isinstance(value, list):
        return [masked(name, item, secret) for item in value]
    if isinstance(value, dict):
        return {inner: masked(inner, item, secret or is_secret_within(name, inner)) for inner, item in value.items()}
    return mask_options(name, value, secret)


def masked_at(path: KeyPath, value: JsonValue) -> JsonValue:
    """Return the value at `path` of a file for display."""
    return masked(path[-1], value, any(is_secret_within(table, name) for table, name in pairwise(path)))


class Resolver:
    """Resolves references in the environment; remembers which were missing, and the values that must not be shown."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.missing: list[tuple[KeyPath, str]] = []
        self._found: set[str] = set()

    def resolve(self, path: KeyPath, value: JsonValue) -> JsonValue:
        """Return `value` with every reference replaced by its value; an unset variable becomes an empty text."""
        variable = reference(value)
        if variable is not None:
            return self._look_up(path, variable)
        if isinstance(value, list):
            return [self.resolve(path, item) for item in value]
        if isinstance(value, dict):
            return {name: self.resolve((*path, name), item) for name, item in value.items()}
        return value

    def redact(self, text: str) -> str:
        """Return `text` without any resolved secret, in any spelling."""
        return Mask(self._found).text(text)

    def _look_up(self, path: KeyPath, variable: str) -> str:
        found = self._environ.get(variable, "")
        if found:
            self._found.add(found)
        else:
            self.missing.append((path, variable))
        return found
