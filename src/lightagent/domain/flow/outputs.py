"""What a step's work came to."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lightagent.domain.json_types import JsonValue


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
    """A value as a text: itself where it is one, else as JSON; empty where there is none."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
