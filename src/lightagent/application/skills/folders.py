"""Folders that are read without following symbolic links: everything that is read is inside the folder.

Each name is opened relative to the folder opened before it, so another process cannot swap in a link meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lightagent.domain.errors import ConfigurationError

_RELATIVE: Final = os.open in os.supports_dir_fd and os.scandir in os.supports_fd and hasattr(os, "O_NOFOLLOW")
"""Whether the system opens names relative to an open folder; otherwise links are checked for before each opening."""

_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _NO_LINK

MOST_ENTRIES: Final = 10_000
"""The maximum number of names that are read from one folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. Links, pipes and the like are neither a file nor a folder."""

    name: str
    is_folder: bool
    is_file: bool
    is_link: bool


@dataclass(frozen=True, slots=True)
class FileState:
    """Values that change when a file is written or replaced."""

    device: int
    number: int
    size: int
    modified: int
    changed: int


class Folder:
    """An open folder; a context manager that closes it."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open a folder that the application has named; links in its path are followed.

        Raises:
            OSError: it does not exist or is not a folder.
        """
        if _RELATIVE:
            return cls(path, os.open(path, _FOLDER_FLAGS))
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return cls(path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def identity(self) -> tuple[int, int]:
        """The device and inode number, which identify the folder; raises `OSError`."""
        found = self.path.stat() if self._descriptor is None else os.fstat(self._descriptor)
        return found.st_dev, found.st_ino

    def entries(self) -> list[Entry]:
        """Return the folder's entries sorted by name, without names that are not valid text.

        Raises:
            OSError: the folder cannot be read.
        """
        found: list[Entry] = []
        with os.scandir(self.path if self._descriptor is None else self._descriptor) as listed:
            for one in listed:
                if len(found) == MOST_ENTRIES:
                    break
                if _is_text(one.name):
                    is_folder, is_file = one.is_dir(follow_symlinks=False), one.is_file(follow_symlinks=False)
                    found.append(Entry(one.name, is_folder, is_file, one.is_symlink()))
        return sorted(found, key=lambda one: one.name)

    def inner(self, name: str) -> Folder:
        """Open a folder inside this one.

        Raises:
            OSError: it does not exist or is not a folder.
            ConfigurationError: it is a symbolic link.
        """
        path = self.path / name
        self.refuse_link(name, path)
        if self._descriptor is None:
            return Folder.open(path)
        return Folder(path, os.open(name, _FOLDER_FLAGS | _NO_LINK, dir_fd=self._descriptor))

    def at(self, parts: tuple[str, ...]) -> Folder:
        """Open the folder that these names lead to; raises like `inner`. This folder stays open."""
        current = Folder(self.path, None if self._descriptor is None else os.dup(self._descriptor))
        for part in parts:
            with current:
                following = current.inner(part)
            current = following
        return current

    def state(self, name: str) -> FileState:
        """Return values that show whether a file has changed; raises `OSError`."""
        found = self._stat(name)
        return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a file in this folder.

        Raises:
            OSError: the file does not exist or cannot be read.
            ConfigurationError: it is a symbolic link or not a regular file, or it has more than `most` bytes.
        """
        path = self.path / name
        self.refuse_link(name, path)
        where = path if self._descriptor is None else Path(name)
        descriptor = os.open(where, _FILE_FLAGS, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refusal(path, "It is not a regular file", "Put the file itself there.")
            content = file.read(most + 1)
        if len(content) > most:
            raise _refusal(path, f"It has more than {most:,} bytes", "Split it into smaller files.")
        return content

    def refuse_link(self, name: str, path: Path) -> None:
        """Raise `ConfigurationError` if a name in this folder is a link; later links are not followed either."""
        if stat.S_ISLNK(self._stat(name).st_mode) or (not _RELATIVE and path.resolve() != path.parent.resolve() / name):
            raise _refusal(path, "It is a symbolic link, and a skill stays in its own folder", "Put a copy there.")

    def _stat(self, name: str) -> os.stat_result:
        if self._descriptor is None:
            return (self.path / name).lstat()
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)


def _refusal(path: Path, why: str, remedy: str) -> ConfigurationError:
    """Return the error for a file that exists but must not be read."""
    return ConfigurationError(f"{path}: {why}.", guidance=remedy)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
