"""What policies review of a run of a flow: a step before it runs and what it gave, a resumption, and a rerun.

What a person is asked about a step is reviewed as any other approval: see `ApprovalPayload`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class FlowStepPayload:
    """flow_step: what a step would be asked. Only the query may be rewritten.

    Attributes:
        query: what is asked.
        context: the ``input`` of the flow, and the ``outputs`` and ``steps`` that come before this one.
        run_id: of the flow.
    """

    query: str
    context: JsonObject
    run_id: str


@dataclass(frozen=True, slots=True)
class FlowResultPayload:
    """flow_step_result: what came of a step; what it did has been done. Only the output may be rewritten.

    Attributes:
        output: its output; None if it failed, in which case nothing can be rewritten.
        step_result: what is known of the step: ``name``, ``content``, ``status``, ``error``, ``attempts``, …
        run_id: of the flow.
    """

    output: JsonValue
    step_result: JsonObject
    run_id: str


@dataclass(frozen=True, slots=True)
class FlowResumePayload:
    """flow_resume: a run is about to be resumed. Nothing can be rewritten.

    Attributes:
        record: the record of the run.
        run_id: the id of the flow's run.
    """

    record: JsonObject
    run_id: str


@dataclass(frozen=True, slots=True)
class FlowRerunPayload:
    """flow_rerun: a step is about to be repeated, with all steps that depend on it. Nothing can be rewritten.

    Attributes:
        step_name: the path of the step.
        record: the record of the run.
        run_id: the id of the flow's run.
    """

    step_name: str
    record: JsonObject
    run_id: str


FlowPayload: TypeAlias = FlowStepPayload | FlowResultPayload | FlowResumePayload | FlowRerunPayload


def copy_flow_payload(payload: FlowPayload) -> FlowPayload:
    """The payload with its plain JSON copied."""
    match payload:
        case FlowStepPayload(query=query, context=context, run_id=run_id):
            return FlowStepPayload(query, copy_json(context), run_id)
        case FlowResultPayload(output=output, step_result=result, run_id=run_id):
            return FlowResultPayload(copy_json(output), copy_json(result), run_id)
        case FlowResumePayload(record=record, run_id=run_id):
            return FlowResumePayload(copy_json(record), run_id)
        case FlowRerunPayload(step_name=step_name, record=record, run_id=run_id):
            return FlowRerunPayload(step_name, copy_json(record), run_id)


def is_same_flow_payload(one: FlowPayload, other: FlowPayload) -> bool:
    """Whether two payloads are the same, also as JSON, in which true is not 1."""
    return one == other and same_json(_json_in(one), _json_in(other))


def only_rewritten(one: FlowPayload, other: FlowPayload) -> bool:
    """Whether a payload differs from another one at most in what may be rewritten."""
    match one, other:
        case FlowStepPayload(), FlowStepPayload():
            return is_same_flow_payload(FlowStepPayload(other.query, one.context, one.run_id), other)
        case FlowResultPayload(step_result=result), FlowResultPayload():
            if result.get("status") != "success":
                return is_same_flow_payload(one, other)
            return is_same_flow_payload(FlowResultPayload(other.output, one.step_result, one.run_id), other)
        case _:
            return is_same_flow_payload(one, other)


def _json_in(payload: FlowPayload) -> JsonValue:
    """What of the payload is plain JSON."""
    match payload:
        case FlowStepPayload(context=context):
            return context
        case FlowResultPayload(output=output, step_result=result):
            return [output, result]
        case FlowResumePayload(record=record) | FlowRerunPayload(record=record):
            return record
