"""What came of a flow and of each of its steps, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue

StepStatus: TypeAlias = Literal["pending", "running", "success", "failed", "skipped", "waiting_approval"]
FlowStatus: TypeAlias = Literal["running", "success", "failed", "cancelled", "waiting_approval"]

_SUMMARY: Final = 240
"""Characters of a text that a summary shows."""


def text_of(output: JsonValue) -> str:
    """What a step gave, as text: text as it is, nothing as an empty text, anything else as JSON."""
    if output is None:
        return ""
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def summary_of(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= _SUMMARY else f"{text[:_SUMMARY]}..."


@dataclass(frozen=True, slots=True)
class LightFlowStepResult:
    """What came of one step.

    Attributes:
        name: of the step.
        content: what it gave, as text; empty where it gave nothing.
        output: the same as plain JSON.
        status: pending, running, success, failed, skipped or waiting_approval.
        error: why it failed, was skipped or waits; None where it succeeded.
        attempts: how often it was tried, an attempt that a crash interrupted counted once.
        used_fallback: the fallback was tried.
        started_at, ended_at: seconds since 1970 in UTC; None where it has not.
        duration_ms: the time between the two, in milliseconds.
        input_summary, output_summary: the beginnings of its query and its content.
        approval_request_id: names the request about it, where a human was asked.
        approval_decision: approve, reject, edit or respond; pending while nobody has decided.
        trace: of the agent that was the step, if the run was asked for it.
    """

    name: str
    content: str = ""
    output: JsonValue = None
    status: StepStatus = "pending"
    error: LightAgentErrorInfo | None = None
    attempts: int = 0
    used_fallback: bool = False
    started_at: float | None = None
    ended_at: float | None = None
    input_summary: str | None = None
    output_summary: str | None = None
    approval_request_id: str | None = None
    approval_decision: str | None = None
    trace: list[TraceEvent] = field(default_factory=list, repr=False, compare=False)

    def __str__(self) -> str:
        return self.content

    @property
    def retry_count(self) -> int:
        """How often it was tried again."""
        return max(self.attempts - 1, 0)

    @property
    def duration_ms(self) -> float | None:
        """From its first attempt to its end, in milliseconds."""
        if self.started_at is None or self.ended_at is None:
            return None
        return round((self.ended_at - self.started_at) * 1000, 3)

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        return {
            "name": self.name,
            "content": self.content,
            "output": copy_json(self.output),
            "status": self.status,
            "error": None if self.error is None else error_dict(self.error),
            "attempts": self.attempts,
            "retry_count": self.retry_count,
            "used_fallback": self.used_fallback,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "duration_ms": self.duration_ms,
            "input_summary": self.input_summary,
            "output_summary": self.output_summary,
            "approval_request_id": self.approval_request_id,
            "approval_decision": self.approval_decision,
            "trace": [event.to_dict() for event in self.trace],
        }


@dataclass(frozen=True, slots=True)
class LightFlowResult:
    """What came of a run of a flow.

    Attributes:
        content: of the last end step that succeeded, in the order in which the steps were declared.
        steps: what came of each, in that order.
        status: success, failed, cancelled or waiting_approval; running, where it was given up in the middle.
        error: of the first step that failed or waits; None where all is well.
        run_id: names the run, for `resume`, `approve` and the rest.
        trace_id: of the run's trace.
        trace: the trace of the flow, if the run was asked for it; those of its agents are in their steps' results.
    """

    content: str
    steps: list[LightFlowStepResult]
    status: FlowStatus
    error: LightAgentErrorInfo | None
    run_id: str
    trace_id: str
    trace: list[TraceEvent] = field(default_factory=list, repr=False, compare=False)

    def __str__(self) -> str:
        return self.content

    @property
    def success(self) -> bool:
        """Whether the run ended, and no step of it failed."""
        return self.status == "success"

    def to_dict(self) -> JsonObject:
        """The same as plain data."""
        return {
            "content": self.content,
            "steps": [step.to_dict() for step in self.steps],
            "success": self.success,
            "status": self.status,
            "error": None if self.error is None else error_dict(self.error),
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "trace": [event.to_dict() for event in self.trace],
        }


def error_dict(error: LightAgentErrorInfo) -> JsonObject:
    """An error as plain data."""
    return {
        "code": error.code,
        "message": error.message,
        "guidance": error.guidance,
        "details": copy_json(error.details),
        "retryable": error.retryable,
    }
