"""The origin of each value of the settings: a default, the line of a file, or a variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.masking import unless_key

KeyPath: TypeAlias = tuple[str, ...]
"""The path of a value: section, option, and names below it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value was written.

    Attributes:
        layer: built-in (a default), file, or environment.
        name: the profile's table in the file, or the environment variable.
        file, line: the place in a file; the line is None if it is unknown.
    """

    layer: Literal["built-in", "file", "environment"] = "built-in"
    name: str = ""
    file: Path | None = None
    line: int | None = None

    def describe(self) -> str:
        """For people, such as ``[prod] lightagent.toml:12``."""
        if self.layer == "file":
            return f"[{self.name}] {self._position()}"
        return f"${self.name}" if self.layer == "environment" else "built-in"

    def place(self, path: KeyPath) -> str:
        """The value at `path` as an error names it: dotted path, file and line, or the variable to correct."""
        dotted = ".".join(map(unless_key, path))
        if self.layer == "file":
            return f"{self.name}.{dotted} ({self._position()})"
        return f"{dotted} (environment variable {self.name})" if self.layer == "environment" else dotted

    def _position(self) -> str:
        return f"{short_path(self.file)}:{self.line}" if self.line else short_path(self.file)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value and its origin."""

    value: JsonValue
    origin: Origin


Leaves: TypeAlias = dict[KeyPath, Leaf]
"""Settings split into single values, so that each keeps its origin while layers are merged."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The sources of settings.

    Attributes:
        profile: the chosen profile, or ``default``.
        file: the file that was read, if any.
        origins: the origin of every value that is not a default.
    """

    # Not compared: settings with equal values are equal, wherever they were written.
    profile: str = field(default="default", compare=False)
    file: Path | None = field(default=None, compare=False)
    origins: tuple[tuple[KeyPath, Origin], ...] = field(default=(), compare=False)

    def origin(self, path: KeyPath) -> Origin:
        """Return the origin of the value at `path`: its own, else that of a value in it, else that of its parent."""
        return closest_origin(dict(self.origins), path)

    def place(self, path: KeyPath) -> str:
        """Return the place of the value at `path`, for errors."""
        return self.origin(path).place(path)

    def beside(self, path: KeyPath, written: Path) -> Path:
        """Return the file path in the value at `path`; a relative one is resolved against the settings file."""
        file = self.origin(path).file
        return written if file is None else file.parent / written


def closest_origin(origins: Mapping[KeyPath, Origin], path: KeyPath) -> Origin:
    """Return the origin of `path`, or of its closest relative that is not a default."""
    inside = (origin for known, origin in origins.items() if known[: len(path)] == path)
    around = (origins[path[:end]] for end in range(len(path) - 1, 0, -1) if path[:end] in origins)
    # A missing option is reported where its backend was chosen.
    beside = ((*path[:end], "kind") for end in range(len(path) - 1, 0, -1))
    chosen = next((origins[kind] for kind in beside if kind in origins), Origin())
    return origins.get(path) or next(inside, None) or next(around, chosen)


def short_path(path: Path | None) -> str:
    """Return `path` for people: relative if it is below the current folder."""
    if path is None:
        return "?"
    here = Path.cwd()
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def printable(text: str) -> str:
    """Return `text` with control characters escaped: names from an untrusted file must not control the terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
