"""What a run knows of a tool: its declaration."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject

DEFAULT_OUTPUT_LIMIT = 64 * 1024
"""Characters of a tool's answer that reach the model unless the tool says otherwise."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the model is told of a tool, and how the run treats it.

    Attributes:
        name: as the model calls it.
        description: what it is for; the model chooses by it.
        parameters: JSON Schema of the arguments, an object.
        title: for people.
        timeout: seconds until a call is cancelled; None: no limit of its own.
        output_limit: characters of the answer that are kept.
        idempotent: running a call twice does what running it once does; then an interrupted call may be repeated.
        requires_approval: a human decides before each call.
        resumable: the tool keeps its progress in the run's journal, so an interrupted call goes on where it was.
    """

    name: str
    description: str
    parameters: JsonObject
    title: str = ""
    timeout: float | None = None
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    idempotent: bool = False
    requires_approval: bool = False
    resumable: bool = False

    def to_openai(self) -> JsonObject:
        """The tool as a chat-completions request offers it; a copy that may be changed."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": copy_json(self.parameters)},
        }
