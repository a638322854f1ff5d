"""The record of a run of a flow for users: a projection of its events.

It does not show in which order steps happened to end, nor interruptions, except in fields that are excluded from
comparison. So the record of a run that was interrupted anywhere equals that of one that was not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.outputs import Artifact
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import NO_SCOPE, Scope

StepStatus: TypeAlias = Literal["pending", "running", "success", "failed", "skipped", "waiting_approval"]
FlowStatus: TypeAlias = Literal["running", "success", "failed", "cancelled", "waiting"]
Verdict: TypeAlias = Literal["accept", "reject", "unknown"]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run.

    Attributes:
        content: its output as a text.
        output: its output as a value.
        why: why it was skipped or has failed, in a word: `condition`, `upstream`, `inside`, `bound`, `declined`, …
        attempts: those that were begun since it was last reset.
        query: its query, if that is on record.
        verdict: of its verification.
        items: the steps of each item of a map, in the order of its list.
        rounds: the steps of each round of a loop.
        added: the steps that it has added below itself.
        interrupted: an attempt was begun whose end is not on record.
        started_at, ended_at: in seconds of the clock; None: not yet.
    """

    name: str
    path: str
    status: StepStatus
    content: str = ""
    output: JsonValue = None
    artifacts: tuple[Artifact, ...] = ()
    error: LightAgentErrorInfo | None = None
    why: str = ""
    attempts: int = 0
    used_fallback: bool = False
    query: JsonValue = None
    approval: ApprovalDecision | None = None
    verdict: Verdict | None = None
    epoch: int = 1
    items: tuple[tuple[StepRecord, ...], ...] = ()
    rounds: tuple[tuple[StepRecord, ...], ...] = ()
    added: tuple[StepRecord, ...] = ()
    approval_request_id: str = field(default="", compare=False)
    interrupted: bool = field(default=False, compare=False)
    started_at: float | None = field(default=None, compare=False)
    ended_at: float | None = field(default=None, compare=False)

    @property
    def retry_count(self) -> int:
        """The attempts after the first one."""
        return max(self.attempts - 1, 0)

    @property
    def duration_ms(self) -> float | None:
        """From its first attempt to its end, in milliseconds."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at) * 1000


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A run.

    Attributes:
        flow: the name of its flow.
        content: the output of the last step, in the order of the definition, that no step depends on and that
            succeeded, as a text.
        output: the same as a value.
        steps: in the order of the definition.
        error: of the first step that has failed.
        source: the run that it was forked from.
    """

    run_id: str
    flow: str
    status: FlowStatus
    steps: tuple[StepRecord, ...]
    content: str = ""
    output: JsonValue = None
    input: JsonValue = None
    error: LightAgentErrorInfo | None = None
    scope: Scope = NO_SCOPE
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    source: str = ""
    metadata: JsonObject = field(default_factory=dict)
    started_at: float | None = field(default=None, compare=False)
    ended_at: float | None = field(default=None, compare=False)

    @property
    def success(self) -> bool:
        """Whether the run is over and no step has failed."""
        return self.status == "success"

    def step(self, name: str) -> StepRecord | None:
        """The step of the flow with this name; None if it does not exist."""
        return next((step for step in self.steps if step.name == name), None)
