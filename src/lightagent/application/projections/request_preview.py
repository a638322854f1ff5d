"""A request as it would be sent, each part with its origin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue

PartKind: TypeAlias = Literal["model", "instructions", "message", "tool", "parameter"]
AddedBy: TypeAlias = Literal["caller", "framework"]


@dataclass(frozen=True, slots=True)
class RequestPart:
    """One part of a request.

    Attributes:
        by: who added it: the caller (options, query, history, tools, hooks, custom sources of context), or the
            framework (texts of `Prompts`, its own tools, what a provider's format requires).
        kind: the kind of the part.
        name: its origin: an option (``role``, ``query``, ``history[0]``, ``metadata.temperature``), a source of context
            (``skills``, ``memory``), a text (``prompts.output_schema``) or a tool.
        content: the part itself; for instructions their text, otherwise as in the request.
    """

    by: AddedBy
    kind: PartKind
    name: str
    content: JsonValue


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """The result of `preview`.

    Attributes:
        model: the name of the model that would be called.
        purpose: ``answer``, or what is requested before it, such as ``plan`` or ``summary``.
        body: the request. For a model that writes its requests itself (`OpenAIChatModel`) the JSON sent to the server;
            otherwise the same in OpenAI's format.
        parts: the whole body, part by part.
    """

    model: str
    purpose: str
    body: JsonObject
    parts: tuple[RequestPart, ...]

    def added_by(self, by: AddedBy) -> tuple[RequestPart, ...]:
        """Return the parts that the caller or the framework added."""
        return tuple(part for part in self.parts if part.by == by)

    def to_dict(self) -> JsonObject:
        """Return the preview as plain data."""
        parts: list[JsonValue] = [
            {"by": part.by, "kind": part.kind, "name": part.name, "content": copy_json(part.content)}
            for part in self.parts
        ]
        return {"model": self.model, "purpose": self.purpose, "body": copy_json(self.body), "parts": parts}

    def __str__(self) -> str:
        """Return a line for each part, and its content."""
        return "\n".join(f"[{part.by}] {part.kind} {part.name}\n{_text(part.content)}" for part in self.parts)


def _text(content: JsonValue) -> str:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in text.splitlines())
