"""Where a collection is, and the engine that serves it there. No package of Qdrant is imported before it is needed."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.registry import install_command
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError, MissingExtraError

Embedded: TypeAlias = Literal["local", "edge"]
"""What serves a folder: the local mode of qdrant-client, or the engine of the server in this process."""

EXTRA: Final = "qdrant"
_PACKAGES: Final[dict[Embedded, tuple[str, str, str]]] = {
    "local": ("qdrant_client", "qdrant-client", EXTRA),
    "edge": ("qdrant_edge", "qdrant-edge-py", "qdrant-edge"),
}
"""What an engine needs: its import name, its name in the index, and the extra that brings it."""
_COLLECTION: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_URL: Final = re.compile(r"https?://[^\s/]\S*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a collection is; for its fields see `QdrantMemory`.

    Raises:
        ConfigurationError: not exactly one of `url` and `path` is given, or a value cannot be used.
    """

    url: str | None
    path: str | Path | None
    collection: str
    api_key: str = field(repr=False)
    engine: Embedded
    timeout: float

    def __post_init__(self) -> None:
        if (self.url is None) == (self.path is None):
            raise ConfigurationError(
                "A memory in Qdrant has a server or a folder.", guidance="Pass url= or path=, and not both."
            )
        if not _COLLECTION.fullmatch(self.collection):
            raise ConfigurationError(
                f"Invalid collection name {self.collection!r:.120}: use 1 to 100 of A-Z a-z 0-9 _ -."
            )
        if self.url is not None and not _can_be_read(self.url):
            raise ConfigurationError(
                "The URL of the Qdrant server is not one that can be read.",
                guidance="Write it as http://host:6333 or https://host:6333.",
            )
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigurationError(
                "api_key holds a character that no header of HTTP carries, such as a line break or an accent.",
                guidance="Copy the key again.",
            )
        if not self.timeout > 0:
            raise ConfigurationError(f"timeout must be above 0, got {self.timeout!r}.", guidance="")

    async def load(self) -> None:
        """Import what the engine needs, which takes two seconds.

        Raises:
            MissingExtraError: it is not installed.
        """
        await run_in_thread(_load, self.engine if self.path is not None else "local")

    def open(self) -> Engine:
        """The engine."""
        if self.url is not None:
            from lightagent.adapters.memory.qdrant.server import ServerEngine

            return ServerEngine(self.url, self.api_key, self.collection, self.timeout)
        path = None if self.path in (None, ":memory:") else Path(self.path)
        if self.engine == "edge" and path is not None:
            from lightagent.adapters.memory.qdrant.edge import EdgeEngine

            return EdgeEngine(path, self.collection)
        from lightagent.adapters.memory.qdrant.local import LocalEngine

        return LocalEngine(path, self.collection)


def _can_be_read(url: str) -> bool:
    try:
        return bool(_URL.fullmatch(url)) and urlsplit(url).port != 0
    except ValueError:  # The port is out of range, or the brackets do not hold an IP address.
        return False


def _load(engine: Embedded) -> None:
    package, distribution, extra = _PACKAGES[engine]
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as exc:
        if exc.name != package:
            raise
        raise MissingExtraError(
            f"Qdrant needs the package {package!r}, which is not installed.",
            guidance=f"Type: {install_command(extra, distribution)}",
        ) from None
