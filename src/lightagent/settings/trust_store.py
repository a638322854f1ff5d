"""The memory behind `lightagent config trust`: which files, with which content, this user has agreed to."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.toml_file import ConfigFile


@dataclass(frozen=True, slots=True)
class TrustedFile:
    """A file that was trusted: its real path, and the SHA-256 of what was in it."""

    path: Path
    digest: str


class TrustStore:
    """The files that this user trusts, one record for each in a private folder; a record that is broken counts as none.

    Args:
        environ: tells the folder: `lightagent/trusted` in XDG_STATE_HOME, which is `~/.local/state` unless it is set.
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
        """What was trusted at the real path of `path`, whatever is there now."""
        real = path.resolve()
        found = _record(self._file(real))
        return found if found is not None and found.path == real else None

    def add(self, file: ConfigFile) -> None:
        """Trust what was read of `file`, in place of what was trusted at its path before.

        Raises:
            ConfigurationError: the record cannot be written.
        """
        real = file.path.resolve()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._file(real), {"path": str(real), "sha256": file.digest})
        except OSError as exc:
            raise _not_kept(self.folder, exc) from None

    def remove(self, path: Path) -> bool:
        """Trust it no longer; whether it was trusted. The file itself may be gone.

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
        """All of them, by path."""
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


def _write(path: Path, record: JsonObject) -> None:
    """Whole or not at all, and readable by its owner alone, which is how `mkstemp` makes files."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _not_kept(folder: Path, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder}: cannot be written: {exc.strerror}.", guidance="Check its rights, or set XDG_STATE_HOME."
    )
