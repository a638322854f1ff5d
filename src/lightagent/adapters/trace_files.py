"""Traces as lines of JSON in a file of their own."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Final
from uuid import UUID

from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.trace_summary import TraceSummary

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_MOST_DEPTH: Final = 100
"""Deeper than the JSON that is allowed here, so that the check names the place of a value that is too deep."""


class JsonlTraceExporter:
    """Appends each trace to a file as one line of JSON, ``{"exported_at", "metadata", "summary", "events"}``.

    Any number of threads and processes may append to the same file at once; their lines are not mixed, and a line that
    a killed process left unfinished is not joined with the next. The file and its folders are made where they are
    missing; only its owner may read it.

    Args:
        path: of the file.

    Raises:
        ConfigurationError: `path` is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        given: object = path
        if not isinstance(given, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fspath(path):
            raise ConfigurationError(
                f"JsonlTraceExporter: path must be the path of a file, got {shown(given)}.",
                guidance='Such as JsonlTraceExporter("traces.jsonl").',
            )
        self.path: Path = Path(path)

    def export(self, events: list[JsonObject], summary: TraceSummary, metadata: JsonObject | None = None) -> Path:
        """Append one trace.

        Args:
            metadata: plain JSON; dates, times, paths, decimals and UUIDs are written as text.

        Returns:
            The path of the file.

        Raises:
            ConfigurationError: the path cannot be that of a file, or something is not plain JSON.
            StoreError: the file cannot be written, such as on a full disk. It holds then what it held before.
        """
        about: JsonObject = to_json_object(_with_texts({} if metadata is None else metadata), "metadata")
        lines = [to_json_object(_with_texts(event), f"events[{at}]") for at, event in enumerate(events)]
        envelope: JsonObject = {
            "exported_at": datetime.now(UTC).isoformat(),
            "metadata": about,
            "summary": summary.to_dict(),
            "events": [*lines],
        }
        # A lone surrogate, which UTF-8 cannot encode, becomes a JSON escape.
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        _append(self.path, text + b"\n")
        return self.path


def _append(path: Path, line: bytes) -> None:
    """Append a whole line, or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, _FLAGS, 0o600)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"{shown(str(path))} cannot be used for traces: {error.strerror}.", guidance="Choose another file."
        ) from error
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with _locked(file):
            _write(file, path, line)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        os.close(file)


def _write(file: int, path: Path, line: bytes) -> None:
    """Write at the end; if that fails, cut the file to its former length."""
    regular = stat.S_ISREG(os.fstat(file).st_mode)
    end = os.fstat(file).st_size if regular else 0
    if end and _is_torn(path, end):
        line = b"\n" + line  # A process was killed while it wrote; readers skip the incomplete line.
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except BaseException:  # Ctrl-C included.
        if regular:
            os.ftruncate(file, end)
        raise


def _is_torn(path: Path, end: int) -> bool:
    """Whether the last line lacks its end; false if the file cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(end - 1)
            return file.read(1) != b"\n"
    except OSError:
        return False


def _not_written(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The trace was not written to {shown(str(path))}: {error.strerror or error}.",
        guidance="Make room or choose another file, and export it again.",
    )


@contextmanager
def _locked(file: int) -> Generator[None]:
    """Lock the file among all threads and processes of this machine; the lock ends with its process."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # A file system without locks, where one write is usually whole, too.
        yield
        return
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _with_texts(value: object, depth: int = 0) -> object:
    """Return the value with texts for dates, paths and other values that have one."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (PurePath, Decimal, UUID)):
        return str(value)
    if depth > _MOST_DEPTH:
        return value
    if isinstance(value, dict):
        return {name: _with_texts(child, depth + 1) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_texts(child, depth + 1) for child in value]
    return value
