"""The results of a flow and of each of its steps, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar, overload

from typing_extensions import TypeForm

from lightagent.application.flow.output_form import OutputForm
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.nodes import Node, Scope
from lightagent.domain.flow.outputs import Artifact, text_of
from lightagent.domain.flow.projection import STEP_STATUS, attempts_made, shown_output
from lightagent.domain.flow.record import StepStatus, Verdict
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.review.decisions import ApprovalAction

T = TypeVar("T")

FlowStatus: TypeAlias = Literal[
    "pending", "running", "interrupted", "success", "failed", "cancelled", "waiting", "waiting_approval"
]
"""The status of a run: not taken up yet, running, left by a process that is gone, ended (in one of three ways), or
waiting for an event or a person."""

_SUMMARY: Final = 240
"""Characters of a text that a summary shows."""


def summary_of(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= _SUMMARY else f"{text[:_SUMMARY]}..."


@dataclass(frozen=True, slots=True)
class LightFlowStepResult:
    """The result of one step.

    Attributes:
        name: of the step.
        content: its output as text; empty without one.
        output: the same as plain JSON.
        status: pending, running, success, failed, skipped or waiting_approval.
        error: why it failed, was skipped or waits; None if it succeeded.
        attempts: how often it was tried, an attempt that a crash interrupted counted once.
        used_fallback: the fallback was tried.
        started_at, ended_at: seconds since 1970 in UTC; None if it has not.
        duration_ms: the time between the two, in milliseconds.
        input_summary, output_summary: the beginnings of its query and its content.
        approval_request_id: names the request about it, where a human was asked.
        approval_decision: approve, reject, edit or respond; pending until it is decided.
        path: names it in the run, such as `each[2]/look` for a step of the third item of a map.
        verdict: of its verification: accept, reject or unknown; None without a verification.
        artifacts: the files that it made.
        items: of a map, the results of the steps of each item, in the order of its list.
        rounds: of a loop, those of each round.
        added: those of the steps that it has added below itself.
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
    approval_decision: ApprovalAction | Literal["pending"] | None = None
    path: str = ""
    verdict: Verdict | None = None
    artifacts: tuple[Artifact, ...] = ()
    items: tuple[tuple[LightFlowStepResult, ...], ...] = field(default=(), repr=False)
    rounds: tuple[tuple[LightFlowStepResult, ...], ...] = field(default=(), repr=False)
    added: tuple[LightFlowStepResult, ...] = field(default=(), repr=False)
    trace: list[TraceEvent] = field(default_factory=list, repr=False, compare=False)

    def __str__(self) -> str:
        return self.content

    @property
    def inside(self) -> tuple[LightFlowStepResult, ...]:
        """The results of all steps directly inside it."""
        return (*(one for scope in (*self.items, *self.rounds) for one in scope), *self.added)

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
            "path": self.path,
            "verdict": self.verdict,
            "artifacts": [_artifact_dict(one) for one in self.artifacts],
            "items": [[one.to_dict() for one in item] for item in self.items],
            "rounds": [[one.to_dict() for one in turn] for turn in self.rounds],
            "added": [one.to_dict() for one in self.added],
            "trace": [event.to_dict() for event in self.trace],
        }


@dataclass(frozen=True, slots=True)
class LightFlowResult:
    """The result of a run of a flow.

    Attributes:
        content: of the last end step that succeeded, in the order in which the steps were declared.
        steps: the result of each, in that order.
        status: success, failed, cancelled, waiting_approval, or waiting (for an event from outside).
        error: of the first step that failed or waits; None if all is well.
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

    def step(self, name: str) -> LightFlowStepResult:
        """The result of a step.

        Args:
            name: of a step of the flow, or the path of one inside another, such as `each[2]/look`.

        Raises:
            KeyError: the flow has none of this name.
        """
        for step in self.steps:
            if step.name == name:
                return step
        for step in _all_of(self.steps):
            if step.path == name:
                return step
        raise KeyError(name)

    @overload
    def output(self, step: str) -> JsonValue: ...

    @overload
    def output(self, step: str, form: TypeForm[T]) -> T: ...

    def output(self, step: str, form: TypeForm[T] | None = None) -> T | JsonValue:
        """The output of a step: as plain JSON, or as a value of a type, such as the step's `output_type`.

        Raises:
            KeyError: the flow has no such step.
            OutputError: it is not of the type.
        """
        kept = self.step(step).output
        return kept if form is None else OutputForm(form).read(kept, step)

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


def _all_of(steps: Sequence[LightFlowStepResult]) -> Iterator[LightFlowStepResult]:
    for step in steps:
        yield step
        yield from _all_of(step.inside)


def _artifact_dict(artifact: Artifact) -> JsonObject:
    return {
        "name": artifact.name,
        "uri": artifact.uri,
        "digest": artifact.digest,
        "size": artifact.size,
        "media_type": artifact.media_type,
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


def step_result(node: Node, traces: Mapping[str, list[TraceEvent]] | None = None) -> LightFlowStepResult:
    """The result of a step and of those inside it, from the state of its run.

    It is made of the state itself and of no record between, since every step of every run has one.

    Args:
        traces: of agents, by the paths of the steps.
    """
    status, output = STEP_STATUS[node.status], shown_output(node)
    content = text_of(output.value)
    inside = tuple([_results(scope, traces) for scope in node.scopes]) if node.scopes else ()
    kind, decided = node.step.kind, None if node.decision is None else node.decision.action
    return LightFlowStepResult(
        node.step.name,
        content,
        output.value,
        status,
        node.error if status in ("success", "failed") else node.error or _skipped(node),
        attempts_made(node),
        node.fallback,
        node.started_at,
        node.ended_at,
        None if node.query is None else summary_of(text_of(node.query)),
        summary_of(content) if status == "success" else None,
        node.request_id or None,
        "pending" if status == "waiting_approval" else decided,
        node.path,
        node.verdict,
        output.artifacts,
        inside if kind == "map" else (),
        inside if kind == "loop" else (),
        inside[0] if kind == "task" and inside else (),
        traces.get(node.path, []) if traces else [],
    )


def _results(scope: Scope, traces: Mapping[str, list[TraceEvent]] | None) -> tuple[LightFlowStepResult, ...]:
    return tuple([step_result(node, traces) for node in scope.nodes])


def _skipped(node: Node) -> LightAgentErrorInfo | None:
    """Why a step did not run, or waits; None if it ran and does not wait."""
    if node.status == "waiting_approval":
        return LightAgentErrorInfo(
            "LA-POLICY", f"The step {node.step.name} waits for approval.", "Decide with approve(), then resume the run."
        )
    if node.status != "skipped":
        return None
    if node.why == "condition":
        return LightAgentErrorInfo("LA-POLICY", f"The step {node.step.name} was skipped by its condition.")
    return LightAgentErrorInfo("LA-UNKNOWN", f"The step {node.step.name} was skipped, since a step before it failed.")
