"""What a settings file that was found, not named, may set before its user has trusted it, and which files are trusted.

A `lightagent.toml` in a cloned repository was written by others. It could send a key of the environment to a host of
its choice, so its keys that need trust are refused until the finder says `lightagent config trust`. That is remembered
by the file's real path and its content: a file that is changed or moved has to be trusted again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lightagent.aiokits.replaced_files import replacing
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.settings.environment import TRUST_VARIABLE
from lightagent.settings.origins import KeyPath, Leaves, printable, short_path
from lightagent.settings.problems import Problem
from lightagent.settings.schema import BACKENDS, TABLES, option_field
from lightagent.settings.sections.base import NEEDS_TRUST
from lightagent.settings.settings_file import ConfigFile


def needs_trust(path: KeyPath) -> bool:
    """Whether the key at `path` has an effect only if its file is trusted.

    A key that does not exist needs none: settings with one are refused as a whole, with the nearest name.
    """
    if path[0] in BACKENDS:
        return True
    field = option_field(path[:3] if path[0] in TABLES else path[:2])
    return field is not None and NEEDS_TRUST in field.metadata


def check_trust(file: ConfigFile, environ: Mapping[str, str], *, trust: bool = False) -> ConfigFile:
    """Return a found file with the reason for distrust, if any.

    Args:
        trust: whether the user trusts any found file, this time only.

    Raises:
        ConfigurationError: LIGHTAGENT_TRUST_CONFIG is not a yes, a no or a SHA-256.
    """
    if trust or _is_trusted_by_variable(file, environ.get(TRUST_VARIABLE, "")):
        return file
    kept = TrustStore(environ).find(file.path)
    if kept is not None and kept.digest == file.digest:
        return file
    changed = "it was found here, and has changed since it was trusted"
    return replace(file, distrust=changed if kept else "it was found here, and has not been trusted")


def untrusted_keys(file: ConfigFile | None, leaves: Leaves) -> list[Problem]:
    """Return one problem that refuses an untrusted file with settings that need trust; none if all values are safe.

    Args:
        leaves: the effective values, from all layers.
    """
    if file is None or not file.distrust:
        return []
    keys: dict[str, int | None] = {}
    for path, leaf in leaves.items():
        if leaf.origin.layer == "file" and needs_trust(path):
            keys.setdefault(printable(".".join(path[: 3 if path[0] in TABLES else 2])), leaf.origin.line)
    if not keys:
        return []
    place = printable(shlex.quote(str(file.path)))
    listed = ", ".join(f"{key} (line {line})" if line else key for key, line in keys.items())
    return [
        Problem(
            printable(short_path(file.path)),
            f"{file.distrust[0].upper()}{file.distrust[1:]}{_owner(file)}. Only a trusted file may set: {listed}. "
            "Nothing of it was used, and nothing was sent.",
            f"Read it. If you agree, type: lightagent config trust {place}; or name the file yourself, "
            "with --config, LIGHTAGENT_CONFIG or load_settings(path).",
        )
    ]


def owned_by_another(file: ConfigFile) -> bool:
    """Whether the file belongs to another user of this machine."""
    return os.name == "posix" and file.owner is not None and file.owner != os.getuid()


def _owner(file: ConfigFile) -> str:
    return f"; it belongs to another user of this machine (number {file.owner})" if owned_by_another(file) else ""


def _is_trusted_by_variable(file: ConfigFile, said: str) -> bool:
    answer = said.strip().lower()
    if re.fullmatch("[0-9a-f]{64}", answer):
        return answer == file.digest
    if answer not in ("", "0", "false", "no", "1", "true", "yes"):
        raise ConfigurationError(
            f"{TRUST_VARIABLE}: invalid value {printable(said)!r:.80}.",
            guidance="Write 1 to trust any file that is found, or the SHA-256 of the one file to trust.",
        )
    return answer in ("1", "true", "yes")


@dataclass(frozen=True, slots=True)
class TrustedFile:
    """A file that was trusted: its real path, and the SHA-256 of what was in it."""

    path: Path
    digest: str


class TrustStore:
    """The files that this user trusts, one record for each in a private folder; broken records are ignored.

    Args:
        environ: determines the folder, `lightagent/trusted` in XDG_STATE_HOME, by default `~/.local/state`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @property
    def folder(self) -> Path:
        """Where the records are.

        Raises:
            ConfigurationError: the user has no home folder.
        """
        named = Path(self._environ.get("XDG_STATE_HOME", ""))
        if named.is_absolute():
            return named / "lightagent" / "trusted"
        try:
            return Path.home() / ".local" / "state" / "lightagent" / "trusted"
        except RuntimeError:
            raise ConfigurationError(
                "Trusted files cannot be remembered without a home folder.", guidance="Set HOME or XDG_STATE_HOME."
            ) from None

    def find(self, path: Path) -> TrustedFile | None:
        """The record of the real path of `path`, whatever the file contains now; None if it is not trusted."""
        real = path.resolve()
        found = _record(self._file(real))
        return found if found is not None and found.path == real else None

    def add(self, file: ConfigFile) -> None:
        """Trust `file` with the content that was read; replaces an earlier record of its path.

        Raises:
            ConfigurationError: the record cannot be written.
        """
        real = file.path.resolve()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(self._file(real)) as record:
                json.dump({"path": str(real), "sha256": file.digest}, record)
        except OSError as exc:
            raise _not_kept(self.folder, exc) from None

    def remove(self, path: Path) -> bool:
        """Remove the record of `path`, whose file may be gone; return whether it was trusted.

        Raises:
            ConfigurationError: the record cannot be removed.
        """
        try:
            self._file(path.resolve()).unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise _not_kept(self.folder, exc) from None
        return True

    def __iter__(self) -> Iterator[TrustedFile]:
        """Iterate over all records in the order of their paths."""
        records = self.folder.glob("*.json") if self.folder.is_dir() else ()
        found = [record for each in records if (record := _record(each)) is not None]
        return iter(sorted(found, key=lambda record: record.path))

    def _file(self, real: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(real)).hexdigest()}.json"


def _record(path: Path) -> TrustedFile | None:
    with suppress(OSError, ValueError, RecursionError):
        read: JsonValue = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(read, dict) and isinstance(known := read.get("path"), str):
            return TrustedFile(Path(known), str(read.get("sha256")))
    return None


def _not_kept(folder: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder}: cannot be written: {exc.strerror}.", guidance="Check its rights, or set XDG_STATE_HOME."
    )
