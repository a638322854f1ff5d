"""A request as it would be sent, each part with who put it there."""

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
        by: who put it there: the caller (options, query, history, tools, hooks, sources of context of their own), or
            the framework (sentences of `Prompts`, tools of its own, what a provider's form wants).
        kind: what it is.
        name: where it comes from: an option (``role``, ``query``, ``history[0]``, ``metadata.temperature``), a source
            of context (``skills``, ``memory``), a sentence (``prompts.output_schema``) or a tool.
        content: the part itself; of instructions their text, else as the request holds it.
    """

    by: AddedBy
    kind: PartKind
    name: str
    content: JsonValue


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """What `preview` gives.

    Attributes:
        model: the name of the model that would be asked.
        purpose: ``answer``, or what is asked first for it, such as ``plan`` or ``summary``.
        body: the request. Of a model that writes its requests itself (`OpenAIChatModel`) the JSON that goes over the
            wire; else the same in OpenAI's form.
        parts: all of the body, part by part.
    """

    model: str
    purpose: str
    body: JsonObject
    parts: tuple[RequestPart, ...]

    def added_by(self, by: AddedBy) -> tuple[RequestPart, ...]:
        """The parts that one of the two put there."""
        return tuple(part for part in self.parts if part.by == by)

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        parts: list[JsonValue] = [
            {"by": part.by, "kind": part.kind, "name": part.name, "content": copy_json(part.content)}
            for part in self.parts
        ]
        return {"model": self.model, "purpose": self.purpose, "body": copy_json(self.body), "parts": parts}

    def __str__(self) -> str:
        """A line for each part, and its content."""
        return "\n".join(f"[{part.by}] {part.kind} {part.name}\n{_text(part.content)}" for part in self.parts)


def _text(content: JsonValue) -> str:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return "\n".join(f"    {line}" for line in text.splitlines())
