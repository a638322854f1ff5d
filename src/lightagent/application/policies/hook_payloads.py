"""The values of hooks at each phase, and the payloads with their replacements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

from lightagent.application.policies.hook_flows import changed_step, shown_step
from lightagent.application.policies.hook_memories import changed_memories, shown_memories
from lightagent.application.policies.hook_request import changed_request, openai_request
from lightagent.domain.errors import ConfigurationError, format_lightagent_error
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import BudgetExhausted, Completed, Outcome, outcome_error
from lightagent.domain.policy.flow_payloads import FlowPayload
from lightagent.domain.policy.hooks import HookPhase
from lightagent.domain.policy.memory_payloads import MemoryPayload
from lightagent.domain.policy.phases import (
    ApprovalPayload,
    CallPayload,
    EndPayload,
    HandoffPayload,
    QueryPayload,
    ReplyPayload,
    RequestPayload,
    ResultPayload,
    Subject,
)

PayloadT = TypeVar("PayloadT")

CHANGEABLE: Final[Mapping[HookPhase, tuple[str, ...]]] = {
    "before_run": ("query",),
    "before_memory_retrieve": ("query",),
    "after_memory_retrieve": ("memories",),
    "before_model_request": ("params",),
    "after_model_response": ("content",),
    "before_tool_call": ("arguments",),
    "after_tool_result": ("output",),
    "on_handoff": ("target_agent",),
    "before_memory_write": ("data",),
    "before_memory_promote": ("data", "decision"),
    "before_flow_step": ("query",),
    "after_flow_step": ("step_result",),
    "on_approval_required": ("reason",),
}
"""The keys of each phase that a hook may replace; at the other phases the event has already happened."""


def hook_payload(phase: HookPhase, subject: Subject, payload: object) -> JsonObject:
    """The value for a hook; a copy that it may change."""
    facts = subject.facts
    match payload:
        case QueryPayload(content=content):
            return {
                "query": content if isinstance(content, str) else [copy_json(part) for part in content],
                "tools": [*facts.tools],
                "stream": facts.stream,
                "result_format": facts.result_format,
                "metadata": copy_json(facts.params),
            }
        case RequestPayload():
            return {"params": openai_request(facts, payload)}
        case ReplyPayload(message=message):
            return {"content": message.content or ""}
        case CallPayload(arguments=arguments):
            return {"tool_name": subject.name, "arguments": copy_json(arguments)}
        case ResultPayload(output=output):
            return {"tool_name": subject.name, "output": output}
        case HandoffPayload(source=source, target=target):
            handoff: JsonObject = {"source_agent": source, "target_agent": target}
            return handoff | {"query": facts.query, "stream": facts.stream}
        case EndPayload(outcome=outcome):
            return _end(phase, outcome)
        case _ if isinstance(payload, MemoryPayload):
            return shown_memories(payload)
        case _ if isinstance(payload, ApprovalPayload | FlowPayload):
            return shown_step(subject, payload)
        case _:
            raise AssertionError(f"no hook is called with {type(payload).__name__}")


def replaced_payload(phase: HookPhase, subject: Subject, payload: PayloadT, given: JsonObject) -> PayloadT:
    """The payload with a hook's replacement; keys that are left out stay unchanged.

    Raises:
        ConfigurationError: it replaces a key that a hook must not, or the value does not fit; the text quotes no value.
    """
    keys, shown = CHANGEABLE.get(phase, ()), hook_payload(phase, subject, payload)
    for name, value in given.items():
        if name not in keys and (name not in shown or not same_json(value, shown[name])):
            raise ConfigurationError(_not_changeable(phase, keys, name))
    for key in keys:
        if key in given and not same_json(given[key], shown[key]):
            made = _with_value(subject, payload, key, given[key])
            payload = made if isinstance(made, type(payload)) else payload
    return payload


def _with_value(subject: Subject, payload: object, key: str, value: JsonValue) -> object:
    match payload:
        case QueryPayload():
            return replace(payload, content=_content(value))
        case RequestPayload():
            return changed_request(subject.facts, payload, _object(value, "params"))
        case ReplyPayload(message=message):
            return replace(payload, message=replace(message, content=_text(value, "content")))
        case CallPayload():
            return CallPayload(_object(value, "arguments"))
        case ResultPayload():
            return ResultPayload(_text(value, "output"))
        case HandoffPayload():
            return replace(payload, target=_text(value, "target_agent"))
        case _ if isinstance(payload, MemoryPayload):
            return changed_memories(payload, key, value)
        case _ if isinstance(payload, ApprovalPayload | FlowPayload):
            return changed_step(payload, value)
        case _:
            return payload


def _end(phase: HookPhase, outcome: Outcome) -> JsonObject:
    error = outcome_error(outcome)
    end: JsonObject = {
        "success": isinstance(outcome, Completed),
        "error": None if error is None else format_lightagent_error(error),
        "stage": _stage(outcome),
    }
    content = outcome.content if isinstance(outcome, Completed) else ""
    return end if phase == "on_error" else {**end, "content": content}


_STAGES: Final = {
    "LA-GUARDRAIL": "guardrail",
    "LA-HOOK": "hook",
    "LA-POLICY": "policy",
    "LA-OUTPUT": "output",
    "LA-TOOL": "tool",
    "LA-CONFIG": "configuration",
}


def _stage(outcome: Outcome) -> str:
    """The stage at which a run ended; `run` without an error, and for a run whose caller left."""
    error = outcome_error(outcome)
    if error is None:
        return "run"
    if isinstance(outcome, BudgetExhausted):
        return "budget"
    return _STAGES.get(error.code, "model_request" if error.code[3:].isdigit() else "run")


_WHY: Final = {"on_resume": "a run goes on as it is", "on_rerun": "a step is done again as it is"}


def _not_changeable(phase: HookPhase, keys: tuple[str, ...], name: str) -> str:
    if not keys:
        done = "the memory has been written" if "memory" in phase else "the run has ended"
        return f"At {phase} {_WHY.get(phase, done)}, and a hook can replace nothing."
    return f"A hook can replace {' and '.join(map(repr, keys))} at {phase}, not {name!r:.60}."


def _content(value: JsonValue) -> str | tuple[JsonObject, ...]:
    if isinstance(value, list):
        return tuple(_object(part, "query") for part in value)
    return _text(value, "query")


def _object(value: JsonValue, key: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{key} must be an object, not {type(value).__name__}.")
    return value


def _text(value: JsonValue, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{key} must be text, not {type(value).__name__}.")
    return value
