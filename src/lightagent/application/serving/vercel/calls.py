"""Tool calls as parts of a UI message: those that are shown, the client's own, and those that wait for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from lightagent.application.projections.steps import Step
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps
from lightagent.domain.conversation.messages import ToolCall
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.runs.events import ModelReplied, Nested, ToolFinished, ToolStarted

_OWN: Final[JsonObject] = {"dynamic": True, "providerExecuted": True}
"""Marks the agent's own calls: the client does not know the tool and must not run it."""


class VercelCalls:
    """Returns the parts of calls, including those of nested agents.

    Args:
        run_id: the id of our run, the prefix of call ids, from which the run can be found again.
        shows_all: show the calls of the agent's own tools. Those that wait for a person are always shown.
        waiting: the calls that wait. Calls that waited before the run resumed are in the client's messages already.
    """

    def __init__(self, run_id: str, waiting: WaitingSteps, *, shows_all: bool) -> None:
        self._run_id = run_id
        self._waiting = waiting
        self._shows_all = shows_all
        self._calls: dict[tuple[str, ...], dict[str, ToolCall]] = {}
        self._shown = {step.id for step in waiting.reviews}
        self._of_client = {step.id for step in waiting.external}

    def feed(self, step: Step) -> Iterator[JsonObject]:
        """Yield the parts of this step."""
        path = list[str]()
        while isinstance(step, Nested):
            path.append(step.call_id)
            step = step.event
        match step:
            case ModelReplied(message=message):
                self._calls[tuple(path)] = {call.id: call for call in message.tool_calls}
            case ToolStarted(call_id=call_id, name=name) if self._shows_all and not self._is_of_client(path, call_id):
                whole_id = "/".join((*path, call_id))
                if whole_id not in self._shown:
                    yield self._input(whole_id, name, copy_json(step.arguments))
            case ToolFinished(call_id=call_id) if not self._is_of_client(path, call_id):
                yield from self._finished(path, step)
            case _:
                pass

    def waiting(self) -> Iterator[JsonObject]:
        """Yield the parts of the waiting calls, once the run is suspended."""
        for call in self._waiting.external:
            given = _arguments(call.raw_arguments)
            yield {**_call(outer_call_id(self._run_id, call.id)), "toolName": call.name, "input": given}
        for review in self._waiting.reviews:
            if review.id not in self._shown:
                yield self._input(review.id, review.name or review.reason, copy_json(review.arguments))
            yield self._request(review)

    def _request(self, review: WaitingStep) -> JsonObject:
        return {
            "type": "tool-approval-request",
            "approvalId": review.request_id,
            "toolCallId": outer_call_id(self._run_id, review.id),
        }

    def _finished(self, path: list[str], step: ToolFinished) -> Iterator[JsonObject]:
        call_id = "/".join((*path, step.call_id))
        if call_id not in self._shown:
            call = self._calls.get(tuple(path), {}).get(step.call_id)
            if not self._shows_all or call is None:
                return
            yield self._input(call_id, call.name, _arguments(call.arguments))
        self._shown.discard(call_id)
        outer = outer_call_id(self._run_id, call_id)
        if step.status == "rejected":
            yield {"type": "tool-output-denied", "toolCallId": outer}
        elif step.status in ("ok", "answered"):
            yield {"type": "tool-output-available", "toolCallId": outer, "output": step.output, **_OWN}
        else:
            yield {"type": "tool-output-error", "toolCallId": outer, "errorText": step.output, **_OWN}

    def _input(self, call_id: str, name: str, arguments: JsonValue) -> JsonObject:
        self._shown.add(call_id)
        return {**_call(outer_call_id(self._run_id, call_id)), "toolName": name, "input": arguments, **_OWN}

    def _is_of_client(self, path: list[str], call_id: str) -> bool:
        """Whether the call is one of the client's own tool, whose result the client has in its messages."""
        call = self._calls.get((), {}).get(call_id)
        named = call is not None and call.name in self._waiting.external_names
        return not path and (named or call_id in self._of_client)


def _call(outer_id: str) -> JsonObject:
    return {"type": "tool-input-available", "toolCallId": outer_id}


def _arguments(raw: str) -> JsonValue:
    """Return the model's arguments as parsed JSON, or as text if they are invalid."""
    try:
        read: JsonValue = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        return raw
    return read
