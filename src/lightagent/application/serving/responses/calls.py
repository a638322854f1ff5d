"""Calls as items of a response: those of the agent's tools, those of the client's, and those that people decide."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.application.projections.steps import Step
from lightagent.application.serving.run_view import ToolSteps
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue

SERVER_LABEL = "lightagent"
"""The server label that clients show with each call; all of an agent's own tools are under this label."""


class OwnCalls:
    """Returns an item for each call of the agent's own tools once it has ended, including those of nested agents.

    Args:
        waiting: what waited before the run resumed; it knows the client's tools, which are shown in another way.
    """

    def __init__(self, waiting: WaitingSteps) -> None:
        self._external = waiting.external_names
        self._steps = ToolSteps(waiting.waiting)
        self._begun: dict[tuple[str, ...], JsonValue] = {one.path: one.arguments for one in waiting.waiting}

    def feed(self, step: Step) -> Iterator[JsonObject]:
        """Yield the items of this step."""
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
    """Return the item of a call that the client has to run; from its `call_id` the run can be found again."""
    return {
        "type": "function_call",
        "call_id": outer_call_id(run_id, call.id),
        "name": call.name,
        "arguments": call.raw_arguments,
        "status": "completed",
    }


def approval_item(waiting: WaitingStep) -> JsonObject:
    """Return the item of a call, or of a flow's question, that waits for a person."""
    return {
        "type": "mcp_approval_request",
        "server_label": SERVER_LABEL,
        "name": waiting.name or waiting.reason,
        "arguments": encode_json(waiting.arguments).decode(),
    }
