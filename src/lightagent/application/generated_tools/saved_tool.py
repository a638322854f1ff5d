"""A model-written tool and its file: written atomically, and never over another file unless requested."""

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
    """A model-written tool. Its text is a diff of the file, for people to read before they approve it.

    Attributes:
        name: the name of the function, the tool and the file.
        path: the path of the file.
        code: the model's code.
        state: ``written``; ``unchanged`` if the file had this code already; or ``kept`` if the file has other code,
            which was not replaced: `save` with ``overwrite=True`` does that.
        diff: the difference from the existing file, or from an empty one, to the code; empty if unchanged.
    """

    name: str
    path: Path
    code: str
    state: FileState
    diff: str

    def __str__(self) -> str:
        return self.diff or f"{self.path} is as it was.\n"

    def save(self, *, overwrite: bool = False) -> GeneratedTool:
        """Write the file; replace a file with other code only with `overwrite`.

        Raises:
            ConfigurationError: the file cannot be written, or something other than a regular file has its name.
        """
        return save_tool(self.path.parent, self.name, self.code, overwrite=overwrite)


def proposed_tool(directory: Path, name: str, code: str) -> GeneratedTool:
    """Return what saving the code would change, without writing anything.

    Raises:
        ConfigurationError: what exists cannot be replaced: a symbolic link, a folder, a file that is too large.
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
    """Write the code as the file of the tool `name`, atomically.

    Args:
        overwrite: replace a file with other code; otherwise it is kept.
        approved: the caller approves the code, so the file is not marked as unapproved.

    Raises:
        ConfigurationError: the file cannot be written.
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
    """Write several tools by their names. If one of them cannot be replaced, none is written.

    Raises:
        ConfigurationError: a file cannot be written.
    """
    for name, code in codes.items():
        proposed_tool(directory, name, code)
    return [save_tool(directory, name, code, overwrite=overwrite, approved=approved) for name, code in codes.items()]


def _put(path: Path, content: bytes, *, replaces: bool) -> bool:
    """Write the file and return whether it was written: not if another file has its name and `replaces` is False."""
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
    """Rename the file unless the name is taken, even if another process writes at the same time."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:  # Without hard links, the file is at least created exclusively, though not atomically.
        with path.open("xb") as file:
            file.write(content)
