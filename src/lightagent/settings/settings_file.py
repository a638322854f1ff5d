"""Finds and reads `lightagent.toml`: its profiles, its values with their lines, and its digest."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.secrets.masking import unless_key
from lightagent.settings.merge_layers import DEEPEST, flatten, is_too_deep
from lightagent.settings.origins import KeyPath, Leaves, Origin, short_path
from lightagent.settings.problems import Problem, raise_problems
from lightagent.settings.toml_lines import key_lines, line_too_deep

FILE_NAME: Final = "lightagent.toml"

_LARGEST: Final = 1_000_000
"""The most bytes of a settings file. A file that was found rather than named may be anything."""

_INTEGERS: Final = "Integers have 64 bits in TOML, which is 19 digits at most."
_LONG_NUMBER = re.compile(r"\d[\d_]{1000,}")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A parsed file: one table for each profile, and the line of each key.

    Attributes:
        digest: SHA-256 of the bytes that were read, in hexadecimal.
        owner: the id of the user who owns it, if the system has one.
        distrust: why only its safe keys may be used; empty if it is trusted. See `lightagent.settings.trust`.
    """

    path: Path
    tables: Mapping[str, JsonObject]
    lines: Mapping[KeyPath, int]
    digest: str = ""
    owner: int | None = None
    distrust: str = ""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles, ``default`` first."""
        return ("default", *sorted(name for name in self.tables if name != "default"))

    def leaves(self, profile: str) -> Leaves:
        """The values of one profile's tables."""
        return flatten((), self.tables.get(profile, {}), lambda path: self.origin(profile, path))

    def origin(self, profile: str, path: KeyPath) -> Origin:
        """Return the line of `path` in `profile`."""
        return _origin(self.path, self.lines, (profile, *path))


def _origin(path: Path, lines: Mapping[KeyPath, int], at: KeyPath) -> Origin:
    """Return the line of the key `at`, or of the closest table around it."""
    around = (lines.get(at[:end]) for end in range(len(at), 0, -1))
    return Origin("file", at[0], path, next((line for line in around if line), None))


def find_file(start: Path) -> Path | None:
    """The nearest `lightagent.toml` in `start` or above, up to the repository's root or the home folder."""
    return next((folder / FILE_NAME for folder in _folders(start) if (folder / FILE_NAME).is_file()), None)


def _folders(start: Path) -> list[Path]:
    """The folders to search. Outside of a repository and the home folder only `start`: others may own its parents."""
    above = (start, *start.parents)
    ends = (place for place, folder in enumerate(above, 1) if (folder / ".git").exists() or folder == Path.home())
    return list(above[: next(ends, 1)])


def read_file(path: Path, sections: tuple[str, ...]) -> ConfigFile:
    """Read and parse.

    Args:
        sections: the known sections, to recognise one in the place of a profile.

    Raises:
        ConfigurationError: the file cannot be read, is not valid TOML, or its outermost tables are not profiles.
    """
    content, owner = _read(path)
    text = _decoded(path, content)
    tree = _parsed(path, text)
    lines = key_lines(text)
    _check_depth(path, lines, tree)
    problems = [problem for name, value in tree.items() if (problem := _misplaced(path, lines, name, value, sections))]
    raise_problems(problems)
    tables = {name: _table(path, lines, (name,), value) for name, value in tree.items() if isinstance(value, dict)}
    return ConfigFile(path, tables, lines, hashlib.sha256(content).hexdigest(), owner)


def _parsed(path: Path, text: str) -> dict[str, object]:
    if (line := line_too_deep(text)) is not None:  # The parser would exhaust the stack.
        raise _too_deep(f"{short_path(path)}:{line}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(
            f"{short_path(path)}: this is not TOML: {exc}.",
            guidance='Tables look like [default.model], values like name = "text", timeout = 30 or flag = true.',
        ) from None
    except ValueError:  # Python refuses to read a number of thousands of digits.
        long = _LONG_NUMBER.search(text)
        place = f"{short_path(path)}:{text.count(chr(10), 0, long.start()) + 1}" if long else short_path(path)
        raise ConfigurationError(f"{place}: A number is too long.", guidance=_INTEGERS) from None


def _check_depth(path: Path, lines: Mapping[KeyPath, int], tree: dict[str, object]) -> None:
    """Check the depth of the parsed tables: dotted names nest without brackets."""
    if not is_too_deep(tree):
        return
    line = next((line for names, line in lines.items() if len(names) > DEEPEST), None)
    raise _too_deep(f"{short_path(path)}:{line}" if line else short_path(path))


def _too_deep(place: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place}: Tables and lists are nested more than {DEEPEST} levels deep.",
        guidance="Look for brackets that are not closed, and for a key with too many dots.",
    )


def _read(path: Path) -> tuple[bytes, int | None]:
    """Return the content of the file and its owner. It is read once, so that the hashed content is the one used."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
            owner = os.fstat(file.fileno()).st_uid if os.name == "posix" else None
    except OSError as exc:
        raise ConfigurationError(
            f"{short_path(path.with_name(unless_key(path.name)))}: cannot be read: {exc.strerror}.",
            guidance="Check the path given by --config or LIGHTAGENT_CONFIG, and the file's rights.",
        ) from None
    if len(content) > _LARGEST:
        raise ConfigurationError(
            f"{short_path(path)}: the file is larger than {_LARGEST} bytes, the limit for settings.",
            guidance="Check the path given by --config or LIGHTAGENT_CONFIG, or move the file away.",
        )
    return content, owner


def _decoded(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigurationError(
            f"{short_path(path)}: byte {exc.start} is not UTF-8.", guidance="Save the file as UTF-8."
        ) from None
    # TOML knows both newlines; a lone carriage return is none, so it is left to the parser, which refuses it.
    return text.replace("\r\n", "\n")


def _misplaced(
    path: Path, lines: Mapping[KeyPath, int], name: str, value: object, sections: tuple[str, ...]
) -> Problem | None:
    """Return what is wrong with an outermost key: a section without a profile, a value, a misspelt ``default``."""
    place = f"{name} ({short_path(path)}:{lines.get((name,), 1)})"
    if name in sections:
        return Problem(place, "A section belongs to a profile.", f"Write [default.{name}], or [dev.{name}] for one.")
    if not isinstance(value, dict):
        return Problem(place, "Settings must be in a profile.", "Put it under [default.<section>].")
    if name != "default" and get_close_matches(name, ["default"], cutoff=0.75):
        return Problem(place, "This looks like a misspelt profile.", "Did you mean 'default'?")
    return None


def _table(path: Path, lines: Mapping[KeyPath, int], at: KeyPath, value: Mapping[str, object]) -> JsonObject:
    return {name: _json(path, lines, (*at, name), inner) for name, inner in value.items()}


def _json(path: Path, lines: Mapping[KeyPath, int], at: KeyPath, value: object) -> JsonValue:
    if isinstance(value, dict):
        return _table(path, lines, at, value)
    if isinstance(value, list):
        return [_json(path, lines, (*at, str(index)), item) for index, item in enumerate(value)]
    too_long = isinstance(value, int) and not -(2**63) <= value < 2**63
    if isinstance(value, str | int | float | bool) and not too_long:
        return value
    place = _origin(path, lines, at).place(at[1:])
    if too_long:
        raise ConfigurationError(f"{place}: A number is too long.", guidance=_INTEGERS)
    raise ConfigurationError(f"{place}: Dates and times are not supported.", guidance="Write it in quotes.")
