"""The declarations of servers' tools in a JSON file, which people can read, compare and keep with their program."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightagent.aiokits.replaced_files import replacing
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.servers import McpTool
from lightagent.ports.mcp import ToolPins

if sys.platform != "win32":
    import fcntl

_LARGEST: Final = 50_000_000
_MODE: Final = 0o644
"""The mode of a new file: what servers declare is not secret, and other users may run the program."""

_HERE: Final = threading.Lock()
"""Held while a file is read and written: not every system locks two handles of one process against each other."""


class _Declaration(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = ""
    description: str = ""
    parameters: JsonValue = None
    annotations: JsonObject = Field(default_factory=dict)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int = Field(default=1, ge=1, le=1)
    servers: dict[str, dict[str, _Declaration]] = Field(default_factory=dict)


class PinFile(ToolPins):
    """Serves any number of threads and processes at once. The file is made when a server is first seen.

    Args:
        path: of the file. Protect it: a program that can write it can have any declaration taken for the known one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path).absolute()

    def __repr__(self) -> str:
        return f"PinFile({str(self.path)!r})"

    async def known(self, server: str, tools: tuple[McpTool, ...]) -> tuple[McpTool, ...]:
        """The tools that are kept of the server, once those of the given ones are kept that were not there.

        Raises:
            StoreError: the file cannot be read or written.
        """
        return await asyncio.to_thread(self._known, server, tools)

    async def accept(self, server: str, tool: McpTool) -> None:
        """Keep this declaration of the tool.

        Raises:
            StoreError: the file cannot be read or written.
        """
        await asyncio.to_thread(self._accept, server, tool)

    def _known(self, server: str, tools: tuple[McpTool, ...]) -> tuple[McpTool, ...]:
        with self._locked():
            document = self._read()
            kept = document.servers.setdefault(server, {})
            unseen = {tool.name: _declaration(tool) for tool in tools if tool.name not in kept}
            if unseen:
                kept.update(unseen)
                self._write(document)
        return tuple(
            McpTool(server, name, one.description, one.parameters, one.title, one.annotations)
            for name, one in kept.items()
        )

    def _accept(self, server: str, tool: McpTool) -> None:
        with self._locked():
            document = self._read()
            document.servers.setdefault(server, {})[tool.name] = _declaration(tool)
            self._write(document)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the file. The folder is locked, so that no other file is left beside it."""
        try:
            with _HERE, self._folder_locked():
                yield
        except OSError as exc:
            raise StoreError(
                f"The pins of MCP tools in {self.path} cannot be read or written: {exc.strerror or exc}.",
                guidance="Check the path and the permissions of its folder.",
            ) from exc

    @contextmanager
    def _folder_locked(self) -> Iterator[None]:
        if sys.platform == "win32":
            yield
            return
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _read(self) -> _Document:
        try:
            with self.path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return _Document()
        try:
            # Not by pydantic's own parser, which refuses half a character.
            return _Document.model_validate(json.loads(content))
        except (ValidationError, ValueError, RecursionError) as exc:
            raise StoreError(
                f"The pins of MCP tools in {self.path} are damaged: nothing is known of what was declared before.",
                guidance="Restore the file, or remove it to take all tools as they are declared now.",
            ) from exc

    def _write(self, document: _Document) -> None:
        """Every sign beyond ASCII is an escape: none of them is invisible to those who compare files."""
        text = json.dumps(document.model_dump(mode="python"), indent=2, sort_keys=True) + "\n"
        with replacing(self.path, self.path.stat().st_mode & 0o777 if self.path.exists() else _MODE) as file:
            file.write(text)


def _declaration(tool: McpTool) -> _Declaration:
    return _Declaration(
        title=tool.title, description=tool.description, parameters=tool.schema, annotations=tool.annotations
    )
