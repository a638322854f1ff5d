"""Opens the store that stands behind another one."""

from __future__ import annotations

from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journals import JournalStore


def open_behind(backend: JsonObject, at: str) -> JournalStore:
    """The journal store of a kind with its options.

    Args:
        at: the dotted path in the settings, for error texts.

    Raises:
        ConfigurationError: there is no such kind, or it is no journal store, or refuses its options.
    """
    kind = backend.get("kind")
    if not isinstance(kind, str):
        raise ConfigurationError(f"{at}.kind: missing.", guidance='Name the adapter, such as kind = "sqlite".')
    options = {name: value for name, value in backend.items() if name != "kind"}
    store = open_adapter("journals", kind, options, at=at)
    if not isinstance(store, JournalStore):
        raise ConfigurationError(f"{at}.kind: {kind!r} opened a {type(store).__name__}, which is no journal store.")
    return store
