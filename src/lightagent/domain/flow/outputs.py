"""The outputs of steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from lightagent.domain.json_types import JsonObject, JsonValue

ARTIFACT: Final = "artifact"
"""The kind of the notes in an agent's run about files that its tools have made for the step."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a step made, by reference.

    Attributes:
        name: what it is called, for people.
        uri: where it is.
        digest: of its bytes, such as `sha256:…`, checked when it is read.
        size: in bytes.
    """

    name: str
    uri: str
    digest: str
    size: int
    media_type: str = ""

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        return {
            "name": self.name,
            "uri": self.uri,
            "digest": self.digest,
            "size": self.size,
            "media_type": self.media_type,
        }


def artifact_of(data: JsonObject) -> Artifact | None:
    """The artifact that `to_dict` gave; None for anything else."""
    texts = [data.get(name) for name in ("name", "uri", "digest", "media_type")]
    name, uri, digest, media_type = [one if isinstance(one, str) else None for one in texts]
    size = data.get("size")
    if name is None or uri is None or digest is None or media_type is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int):
        return None
    return Artifact(name, uri, digest, size, media_type)


@dataclass(frozen=True, slots=True)
class StepOutput:
    """The output of a step: a text or any other JSON value, and the files that it made."""

    value: JsonValue = None
    artifacts: tuple[Artifact, ...] = ()

    @property
    def text(self) -> str:
        """The value as a text; see `text_of`."""
        return text_of(self.value)


def text_of(value: JsonValue) -> str:
    """A value as a text: itself if it is text, else as JSON; empty for None."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
