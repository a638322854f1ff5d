"""Secrets: settings hold references to the environment, never the secret itself.

A reference is ``{ env = "NAME" }``. It is looked up when the backend is opened, so that settings can be shown, compared
and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.masking import Mask, mask_options
from lightagent.domain.secrets.names import is_secret_name, is_secret_within
from lightagent.settings.origins import KeyPath


def reference(value: JsonValue) -> str | None:
    """The environment variable that `value` refers to, or None if it is not a reference."""
    if isinstance(value, dict) and list(value) == ["env"] and isinstance(name := value["env"], str):
        return name
    return None


def is_meant_as_reference(path: KeyPath, value: JsonObject) -> bool:
    """Whether a table with ``env`` is in the place of a secret; elsewhere ``env`` may be an ordinary key."""
    return "env" in value and bool(path) and is_secret_name(path[-1]) and not is_users_name(path)


def is_users_name(path: KeyPath) -> bool:
    """Whether the last part of a path is a name that users chose for a server or an API, and not a key."""
    return len(path) == 2 and path[0] in ("mcp", "openapi")


def refer_to(variable: str) -> JsonObject:
    """A reference to an environment variable."""
    return {"env": variable}


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
