"""Calls as items of an answer: those of the agent's own tools, those of the client's, and those that people decide."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.application.serving.kept_runs import outer_call_id
from lightagent.application.serving.run_view import ToolSteps
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps
from lightagent.application.steps import Step
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue

SERVER_LABEL = "lightagent"
"""The name of the server of tools, which clients show with each call; an agent's own tools are all here."""


class OwnCalls:
    """Tells each call of the agent's own tools once it has ended, those of nested agents too.

    Args:
        waiting: what had waited before the run goes on; it knows the client's own tools, which are told in another way.
    """

    def __init__(self, waiting: WaitingSteps) -> None:
        self._external = waiting.external_names
        self._steps = ToolSteps(waiting.waiting)
        self._begun: dict[tuple[str, ...], JsonValue] = {one.path: one.arguments for one in waiting.waiting}

    def feed(self, step: Step) -> Iterator[JsonObject]:
        """The items of this step."""
        for told in self._steps.feed(step):
            path = told["path"]
            place = (*(str(one) for one in path), str(told["id"])) if isinstance(path, list) else ()
            if told["type"] == "tool_call":
                self._begun[place] = told["arguments"]
            elif len(place) > 1 or told["name"] not in self._external:
                yield _call_item(told, self._begun.pop(place, {}))


def _call_item(told: JsonObject, arguments: JsonValue) -> JsonObject:
    failed = told["status"] not in ("ok", "answered")
    return {
        "type": "mcp_call",
        "server_label": SERVER_LABEL,
        "name": told["name"],
        "arguments": encode_json(arguments).decode(),
        "status": "failed" if failed else "completed",
        "output": None if failed else told["output"],
        "error": {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": told["output"]}]}
        if failed
        else None,
        "approval_request_id": None,
    }


def function_item(run_id: str, call: WaitingStep) -> JsonObject:
    """A call that the client is to carry out; its `call_id` finds the run again."""
    return {
        "type": "function_call",
        "call_id": outer_call_id(run_id, call.id),
        "name": call.name,
        "arguments": call.raw_arguments,
        "status": "completed",
    }


def approval_item(waiting: WaitingStep) -> JsonObject:
    """A call, or a question of a flow, that waits for a person."""
    return {
        "type": "mcp_approval_request",
        "server_label": SERVER_LABEL,
        "name": waiting.name or waiting.reason,
        "arguments": encode_json(waiting.arguments).decode(),
    }
