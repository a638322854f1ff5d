"""A tool that a model wrote, and its file: written at once or not at all, and never over another one unasked."""

from __future__ import annotations

import contextlib
import difflib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lightagent.application.tools.tool_file import NOT_APPROVED, read_tool_file, tool_file_path
from lightagent.domain.errors import ConfigurationError

_MARK: Final = f"{NOT_APPROVED}\n"

FileState: TypeAlias = Literal["written", "unchanged", "kept"]


@dataclass(frozen=True, slots=True)
class GeneratedTool:
    """A tool that a model wrote. Its text is a diff of the file, as people read it before they approve it.

    Attributes:
        name: of the function, the tool and the file.
        path: of the file.
        code: what the model wrote.
        state: ``written``; ``unchanged``, where the file had this code already; or ``kept``, where there is a file with
            other code, which was left as it is: `save` with ``overwrite=True`` replaces it.
        diff: from the file that was there, or from nothing, to the code; empty where it is unchanged.
    """

    name: str
    path: Path
    code: str
    state: FileState
    diff: str

    def __str__(self) -> str:
        return self.diff or f"{self.path} is as it was.\n"

    def save(self, *, overwrite: bool = False) -> GeneratedTool:
        """Write the file, unless there is another one: then only with `overwrite`.

        Raises:
            ConfigurationError: it cannot be written, or what is there is not a regular file.
        """
        return save_tool(self.path.parent, self.name, self.code, overwrite=overwrite)


def proposed_tool(directory: Path, name: str, code: str) -> GeneratedTool:
    """What saving the code would change. Nothing is written.

    Raises:
        ConfigurationError: what is there cannot be replaced: a symbolic link, a folder, a file that is too large.
    """
    path = tool_file_path(directory, name)
    text = code if code.endswith("\n") else f"{code}\n"
    before = read_tool_file(path).decode("utf-8", "replace").removeprefix(_MARK) if os.path.lexists(path) else None
    if before == text:
        return GeneratedTool(name, path, text, "unchanged", "")
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True),
        text.splitlines(keepends=True),
        "/dev/null" if before is None else str(path),
        str(path),
    )
    return GeneratedTool(name, path, text, "kept", "".join(lines))


def save_tool(
    directory: Path, name: str, code: str, *, overwrite: bool = False, approved: bool = False
) -> GeneratedTool:
    """Write the code as the file of the tool `name`, at once or not at all.

    Args:
        overwrite: replace a file of other code; else it is kept.
        approved: the caller approves the code, so the file is not marked as one that is not approved yet.

    Raises:
        ConfigurationError: it cannot be written.
    """
    tool = proposed_tool(directory, name, code)
    if tool.state == "unchanged" and not approved:
        return tool
    replaces = overwrite or tool.state == "unchanged"
    content = tool.code if approved else f"{_MARK}{tool.code}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        kept = not _put(tool.path, content.encode(), replaces=replaces)
    except OSError as exc:
        raise ConfigurationError(
            f"{tool.path}: The tool cannot be written ({exc.strerror}).",
            guidance="Name a directory that can be written to.",
        ) from exc
    if kept:
        return proposed_tool(directory, name, code)
    return tool if tool.state == "unchanged" else replace(tool, state="written")


def save_tools(
    directory: Path, codes: Mapping[str, str], *, overwrite: bool = False, approved: bool = False
) -> list[GeneratedTool]:
    """Write several tools, by their names. Where one of them cannot be replaced, none is written.

    Raises:
        ConfigurationError: one cannot be written.
    """
    for name, code in codes.items():
        proposed_tool(directory, name, code)
    return [save_tool(directory, name, code, overwrite=overwrite, approved=approved) for name, code in codes.items()]


def _put(path: Path, content: bytes, *, replaces: bool) -> bool:
    """Whether the file was written; it is not where another one is there that may not be replaced."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replaces:
            fresh.replace(path)
            return True
        _move_unless_there(fresh, path, content)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    return True


def _move_unless_there(fresh: Path, path: Path, content: bytes) -> None:
    """Give the file its name only where there is none yet, also where another process writes at the same time."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:  # Some file systems have no links. There the file is new at least, if not whole at once.
        with path.open("xb") as file:
            file.write(content)
