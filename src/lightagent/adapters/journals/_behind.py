"""The store that stands behind another one: opening it, and where it keeps its streams."""

from __future__ import annotations

import os
from typing import Final

from lightagent.adapters.registry import open_nested
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journals import JournalStore

_FOLDERS: Final = ("path", "directory")
_PLACES: Final = (*_FOLDERS, "url", "schema_name")
"""The options that say where a store keeps its streams; its other options do not change the place."""


def same_place(one: JsonObject, other: JsonObject) -> bool:
    """Whether two backends keep their streams in the same place, through any encrypted or sealed stores before it.

    Paths that are written in different ways are recognized; two names of one server are not.
    """
    one, other = _last(one), _last(other)
    if one.get("kind") == "memory":
        return False
    return _place(one) == _place(other)


def _last(backend: JsonObject) -> JsonObject:
    """The store that keeps the streams, which may stand behind others."""
    while backend.get("kind") in ("encrypted", "sealed") and isinstance(behind := backend.get("store"), dict):
        backend = behind
    return backend


def _place(backend: JsonObject) -> JsonObject:
    place: JsonObject = {name: value for name, value in backend.items() if name in ("kind", *_PLACES)}
    if len(place) < 2:
        return backend
    for name in _FOLDERS:
        if isinstance(path := place.get(name), str):
            place[name] = os.path.realpath(path)
    if place.get("kind") == "postgres":
        place.setdefault("schema_name", "lightagent")
    return place


def open_behind(backend: JsonObject, at: str) -> JournalStore:
    """The journal store of a kind with its options.

    Args:
        at: the dotted path in the settings, for error texts.

    Raises:
        ConfigurationError: the kind is unknown or is not a journal store, or its options are wrong.
    """
    store = open_nested("journals", backend, at=at, example="sqlite")
    if not isinstance(store, JournalStore):
        raise ConfigurationError(
            f"{at}.kind: {backend['kind']!r} opened a {type(store).__name__}, which is not a JournalStore."
        )
    return store
