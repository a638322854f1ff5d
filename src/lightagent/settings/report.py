"""Settings for people: each value with its origin, and the differences between two profiles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.settings.backends import secret_options
from lightagent.settings.origins import KeyPath
from lightagent.settings.schema import BACKENDS, TABLES, Settings, backend_path
from lightagent.settings.secrets import masked
from lightagent.settings.sections.base import Backend

_BARE: Final = re.compile("[A-Za-z0-9_-]+")
"""A key that TOML reads without quotation marks."""


@dataclass(frozen=True, slots=True)
class Row:
    """One value: its dotted path, itself as TOML writes it (secrets as references or masked), and its origin."""

    path: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A path whose value differs; None for a side without a value."""

    path: str
    left: str | None
    right: str | None


def rows(settings: Settings) -> list[Row]:
    """Return every effective value, set or built in."""
    return [
        Row(".".join(map(_key, path)), _written(value), settings.provenance.origin(path).describe())
        for path, value in _values(settings)
    ]


def differences(left: Settings, right: Settings) -> list[Difference]:
    """Return the values that differ."""
    ours = {row.path: row.value for row in rows(left)}
    theirs = {row.path: row.value for row in rows(right)}
    return [
        Difference(path, ours.get(path), theirs.get(path))
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]


def _values(settings: Settings) -> Iterator[tuple[KeyPath, JsonValue]]:
    for section in type(settings).model_fields:
        if section in BACKENDS:
            if (backend := settings.backends().get(section)) is not None:
                yield from _backend_values(section, backend)
        elif section in TABLES:
            # Only what is set: the defaults of a dozen servers would be noise.
            written: dict[str, dict[str, dict[str, JsonValue]]] = settings.model_dump(
                mode="json", include={section}, exclude_unset=True
            )
            for name, options in written.get(section, {}).items():
                yield from (((section, name, option), masked(option, value)) for option, value in options.items())
        else:
            table: dict[str, JsonValue] = settings.model_dump(mode="json", include={section})[section]
            for name, value in table.items():
                backend = settings.backends().get(f"{section}.{name}")
                if backend is None:
                    yield (section, name), masked(name, _engine_name(section, name, value))
                else:
                    yield from _backend_values(f"{section}.{name}", backend)


def _engine_name(section: str, name: str, value: JsonValue) -> JsonValue:
    """The engine in this process has no options, and is written as its name."""
    return value["kind"] if (section, name) == ("flow", "engine") and isinstance(value, dict) else value


def _backend_values(section: str, backend: Backend) -> Iterator[tuple[KeyPath, JsonValue]]:
    way = backend_path(section)
    yield (*way, "kind"), backend.kind
    secrets = secret_options(section, backend.kind)
    for name, value in backend.options.items():
        yield (*way, name), masked(name, value, name in secrets)


def _key(name: str) -> str:
    """Return a key as TOML writes it: quoted if TOML would otherwise split it into several keys."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _written(value: JsonValue) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(name)} = {_written(inner)}" for name, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
