"""The values of hooks at the phases of flows, and the payloads with their replacements."""

from __future__ import annotations

from dataclasses import replace

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.flow_payloads import (
    FlowPayload,
    FlowRerunPayload,
    FlowResultPayload,
    FlowResumePayload,
    FlowStepPayload,
)
from lightagent.domain.policy.phases import ApprovalPayload, Subject


def shown_step(subject: Subject, payload: FlowPayload | ApprovalPayload) -> JsonObject:
    """The value for a hook; a copy that it may change."""
    match payload:
        case ApprovalPayload(reason=reason, request=request):
            asked: JsonObject = {"run_id": subject.origin.run_id, "step": subject.name, "reason": reason}
            return {**asked, "request": copy_json(request)}
        case FlowStepPayload(query=query, context=context):
            return {"query": query, "context": copy_json(context), "run_id": payload.run_id}
        case FlowResultPayload(output=output, step_result=result):
            return {"run_id": payload.run_id, "step_result": {**copy_json(result), "output": copy_json(output)}}
        case FlowResumePayload(record=record):
            return {"run_id": payload.run_id, "record": copy_json(record)}
        case FlowRerunPayload(step_name=step_name, record=record):
            return {"run_id": payload.run_id, "step_name": step_name, "record": copy_json(record)}


def changed_step(payload: FlowPayload | ApprovalPayload, value: JsonValue) -> FlowPayload | ApprovalPayload:
    """The payload with another query or reason, or with the output that a changed `step_result` has.

    Raises:
        ConfigurationError: the value does not fit, or changes what a hook cannot.
    """
    match payload:
        case FlowStepPayload():
            return replace(payload, query=_text(value, "query"))
        case ApprovalPayload():
            return replace(payload, reason=_text(value, "reason"))
        case FlowResultPayload():
            return replace(payload, output=_output(payload, value))
        case _:
            return payload


def _text(value: JsonValue, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{key} must be text, not {type(value).__name__}.")
    return value


def _output(payload: FlowResultPayload, value: JsonValue) -> JsonValue:
    """The output of a changed result: its `output`, or its `content` if only that was changed."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"step_result must be an object, not {type(value).__name__}.")
    shown: JsonObject = {**payload.step_result, "output": payload.output}
    changed = {name for name in value if name not in shown or not same_json(value[name], shown[name])}
    if payload.step_result.get("status") != "success" or not changed <= {"output", "content"}:
        raise ConfigurationError("A hook can replace 'output' and 'content' of the result of a step that succeeded.")
    if "output" in changed:
        return value["output"]
    return value["content"] if "content" in changed else payload.output
