"""What the chat protocols show of a run besides its text: the settings, and the steps of tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.application.projections.steps import Step
from lightagent.application.serving.waiting import WaitingStep
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import ModelReplied, Nested, ToolFinished, ToolStarted

ShownTools: TypeAlias = Literal["hidden", "reasoning", "extension"]
"""How clients see calls of an agent's own tools: not at all, as lines of reasoning, or in a field `lightagent`."""

ReasoningField: TypeAlias = Literal["reasoning_content", "reasoning", "both", "none"]
"""The field that carries the model's reasoning."""

_MOST_SHOWN = 2000
"""The maximum length of a tool's output as shown, in characters."""


@dataclass(frozen=True, slots=True)
class ChatView:
    """How chat completions show runs.

    Attributes:
        tools: how calls of an agent's own tools are shown. Never as `tool_calls`, which clients would run.
        reasoning: the field for the model's reasoning.
        usage: whether a stream ends with a chunk of token usage.
        approvals: whether the reader may decide about waiting calls in a chat message.
        console_url: where else people decide; empty if nowhere.
    """

    tools: ShownTools = "hidden"
    reasoning: ReasoningField = "reasoning_content"
    usage: bool = False
    approvals: bool = False
    console_url: str = ""

    @property
    def reasoning_fields(self) -> tuple[str, ...]:
        """The names of the fields that carry the model's reasoning."""
        return {
            "reasoning_content": ("reasoning_content",),
            "reasoning": ("reasoning",),
            "both": ("reasoning_content", "reasoning"),
            "none": (),
        }[self.reasoning]


class ToolSteps:
    """Returns tool calls and results as plain data, including those of nested agents.

    Args:
        waited: the calls that waited before the run resumed: a rejected one ends without having started.
    """

    __slots__ = ("_names",)

    def __init__(self, waited: Iterable[WaitingStep] = ()) -> None:
        self._names: dict[tuple[str, ...], str] = {one.path: one.name for one in waited}

    def feed(self, step: Step) -> Iterator[JsonObject]:
        """Yield what this step shows: a call that starts, or the result of one."""
        path = list[str]()
        while isinstance(step, Nested):
            path.append(step.call_id)
            step = step.event
        if isinstance(step, ModelReplied):
            self._names |= {(*path, call.id): call.name for call in step.message.tool_calls}
        elif isinstance(step, ToolStarted):
            self._names[*path, step.call_id] = step.name
            told: JsonObject = {"type": "tool_call", "id": step.call_id, "name": step.name}
            yield {**told, "path": [*path], "arguments": copy_json(step.arguments)}
        elif isinstance(step, ToolFinished):
            name = self._names.pop((*path, step.call_id), "")
            told = {"type": "tool_result", "id": step.call_id, "name": name, "path": [*path], "status": step.status}
            yield {**told, "output": step.output[:_MOST_SHOWN]}


def as_line(told: JsonObject) -> str:
    """Return a tool's call or result as a line of reasoning."""
    if told["type"] == "tool_call":
        return f"\n→ {told['name']} {encode_json(told['arguments']).decode()}\n"
    return f"← {told['name'] or told['id']}: {told['status']}\n"
