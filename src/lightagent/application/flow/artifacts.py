"""Files that steps made: on record by reference, with a digest that is checked when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from lightagent.domain.errors import ConfigurationError, OutputError
from lightagent.domain.flow.outputs import Artifact
from lightagent.ports.tools import FilePath

_ALGORITHM: Final = "sha256"


def refer_to(path: str | FilePath, name: str = "", media_type: str = "") -> Artifact:
    """A reference to a file as it is now.

    Args:
        name: what it is called, for people; by default the file's name.

    Raises:
        ConfigurationError: the file does not exist, or it cannot be read.
    """
    where = Path(path).absolute()
    try:
        with where.open("rb") as file:
            digest = hashlib.file_digest(file, _ALGORITHM).hexdigest()
            size = file.tell()
    except OSError as error:
        raise ConfigurationError(
            f"artifact: {where} cannot be read: {error.strerror or type(error).__name__}.",
            guidance="Name a file that the step has written.",
        ) from None
    return Artifact(name or where.name, where.as_uri(), f"{_ALGORITHM}:{digest}", size, media_type)


def read_artifact(artifact: Artifact) -> bytes:
    """The bytes of a file that a step made.

    Raises:
        OutputError: it is gone, cannot be read, or is not what it was when the step made it.
    """
    parts = urlsplit(artifact.uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise _unreadable(artifact, "it is not a file of this machine")
    try:
        content = Path(url2pathname(parts.path)).read_bytes()
    except OSError as error:
        raise _unreadable(artifact, error.strerror or type(error).__name__) from None
    if f"{_ALGORITHM}:{hashlib.sha256(content).hexdigest()}" != artifact.digest:
        raise _unreadable(artifact, "it was changed after the step had made it")
    return content


def _unreadable(artifact: Artifact, why: str) -> OutputError:
    return OutputError(
        f"The artifact {artifact.name!r:.100} at {artifact.uri:.200} cannot be used: {why}.",
        guidance="Run the step that made it again (rerun_step), or restore the file.",
    )
