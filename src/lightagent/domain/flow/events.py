"""What happens in a run of a flow: a closed union, and the only truth about it.

Each has the piece of work that it is about: `path` (see `paths`) and `epoch`, a number that each rerun raises;
an event that a rerun made obsolete has a smaller one than its step has now, and is refused. `attempt` counts the
attempts of one epoch. Fields that only tell when are left out of comparison.

A decision is recorded in the event that it follows from (`then`, `due`), so that a policy that has changed since
does not decide anything of the past again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.retrying import Then
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.phases import Decision
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import Event
from lightagent.domain.scopes import NO_SCOPE, Scope

Question: TypeAlias = Literal["when", "items", "until", "again", "verify", "grow"]
"""The questions to code without effects.

* when: whether the step runs. The answer is true or false.
* items: the list of a map.
* until: the moment that a wait waits for, in seconds of the clock.
* again: whether a loop makes another round. The answer is true or false.
* verify: the verdict on the step's result. The answer is `accept`, `reject` or `unknown`; `then` and `due` say what
  follows the latter two.
* grow: whether the proposed steps are added. The answer is true or false.
"""

Subject: TypeAlias = Literal["run", "growth", "result"]
"""What a person decides: whether the step runs, whether its proposed steps are added, whether its result counts."""

FinalStatus: TypeAlias = Literal["success", "failed", "cancelled", "waiting"]


@dataclass(frozen=True, slots=True)
class FlowStarted:
    """A run begins, with all that is needed to go on with it elsewhere.

    Attributes:
        input: the input of the flow.
        scope: whose run it is.
        policies: the names of the policies that review its steps; it is not resumed without them.
        metadata: data of the user.
    """

    run_id: str
    definition: FlowDefinition
    input: JsonValue = None
    scope: Scope = NO_SCOPE
    limits: FlowLimits = DEFAULT_FLOW_LIMITS
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    policies: tuple[str, ...] = ()
    metadata: JsonObject = field(default_factory=dict)
    at: float = field(default=0.0, compare=False)
    type: Literal["flow_started"] = "flow_started"


@dataclass(frozen=True, slots=True)
class Answered:
    """Code without effects was asked. It is asked at least once, and one answer is used.

    Attributes:
        answer: see `Question`.
        error: it failed, and so does the step; `answer` is meaningless then.
        reason: why, such as a verification's objection to a result; the next attempt gets it.
        then: what follows a result that is not accepted. For `unknown`, None: the result counts. Of a loop that is to
            go on and may make no more rounds: fail.
        due: when that is done at the earliest.
    """

    path: str
    epoch: int
    question: Question
    answer: JsonValue = None
    error: LightAgentErrorInfo | None = None
    reason: str = ""
    then: Then | None = None
    due: float = 0.0
    at: float = field(default=0.0, compare=False)
    type: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt begins: its intent, durable before anything is done. It comes twice where a crash cut the attempt.

    Attributes:
        key: names its effect; see `paths.effect_key`.
        query: what it is asked with, used again by each further attempt.
    """

    path: str
    epoch: int
    attempt: int
    key: str
    query: JsonValue = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["attempt_started"] = "attempt_started"


@dataclass(frozen=True, slots=True)
class AttemptNoted:
    """Something happened in the agent's or the flow's run below this attempt; what is on record is not done again."""

    path: str
    epoch: int
    attempt: int
    event: Event | FlowEvent
    at: float = field(default=0.0, compare=False)
    type: Literal["attempt_noted"] = "attempt_noted"


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt came to a result.

    Attributes:
        proposes: steps that it wants to add below itself, where its definition has `growth`.
    """

    path: str
    epoch: int
    attempt: int
    output: StepOutput = field(default_factory=StepOutput)
    proposes: tuple[StepDefinition, ...] = ()
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["attempt_finished"] = "attempt_finished"


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed, or ran out of time.

    Attributes:
        then: what follows; see `retrying.after_failure`.
        due: when that is done at the earliest, in seconds of the clock; 0: at once.
    """

    path: str
    epoch: int
    attempt: int
    error: LightAgentErrorInfo
    then: Then = "fail"
    due: float = 0.0
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["attempt_failed"] = "attempt_failed"


@dataclass(frozen=True, slots=True)
class AttemptStopped:
    """An attempt was stopped cleanly: its run was cancelled or left. When that goes on, it keeps its number."""

    path: str
    epoch: int
    attempt: int
    at: float = field(default=0.0, compare=False)
    type: Literal["attempt_stopped"] = "attempt_stopped"


@dataclass(frozen=True, slots=True)
class StepApprovalRequested:
    """A person is asked. Another request for the same step replaces the former one, and asks other people.

    Attributes:
        about: what is asked.
        request_id: names the request; only the last one of a step is answered.
        query: the query that the step would get.
        approvers: who may decide; empty: everyone who may decide about the run.
        expires: the moment after which the request is out of date, in seconds of the clock; None: never.
    """

    path: str
    epoch: int
    request_id: str = ""
    about: Subject = "run"
    query: JsonValue = None
    approvers: tuple[str, ...] = ()
    expires: float | None = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["step_approval_requested"] = "step_approval_requested"


@dataclass(frozen=True, slots=True)
class StepApprovalDecided:
    """A person has decided. Edit gives the step another query, as `arguments["query"]`; respond gives its output.

    Attributes:
        request_id: the request that is answered; empty: the one that waits.
        expired: no decision was made in time.
        error: why the step has failed without a request: a policy forbids it.
    """

    path: str
    epoch: int
    decision: ApprovalDecision
    request_id: str = ""
    expired: bool = False
    error: LightAgentErrorInfo | None = None
    at: float = field(default=0.0, compare=False)
    type: Literal["step_approval_decided"] = "step_approval_decided"


@dataclass(frozen=True, slots=True)
class WaitBegan:
    """A wait begins; `due` is when it ends, or for an event when it has failed, in seconds of the clock."""

    path: str
    epoch: int
    due: float | None = None
    at: float = field(default=0.0, compare=False)
    type: Literal["wait_began"] = "wait_began"


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """The time of a wait has come. A wait for an event has failed then."""

    path: str
    epoch: int
    at: float = field(default=0.0, compare=False)
    type: Literal["wait_ended"] = "wait_ended"


@dataclass(frozen=True, slots=True)
class Signalled:
    """An event from outside. It ends one wait for its name, and is kept if none waits yet.

    Attributes:
        key: names its delivery; a second one with the same key is refused. Empty: each one counts.
    """

    name: str
    payload: JsonValue = None
    key: str = ""
    actor: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["signalled"] = "signalled"


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The run is cancelled. Attempts are stopped; results that come in time count. It lasts until a resumption."""

    actor: str = ""
    reason: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["cancel_requested"] = "cancel_requested"


@dataclass(frozen=True, slots=True)
class Resumed:
    """The run is resumed: it is not cancelled any more, and failed steps are retried."""

    actor: str = ""
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True)
class RerunRequested:
    """The step at `path` is done again, with all steps that depend on it.

    Attributes:
        below: for a nested flow, the steps that are done again within it, from the outermost flow to the innermost: the
            rest of its record stays. Empty: the step as a whole.
    """

    path: str
    actor: str = ""
    decisions: tuple[Decision, ...] = ()
    below: tuple[str, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["rerun_requested"] = "rerun_requested"


@dataclass(frozen=True, slots=True)
class Forked:
    """The run becomes another one: the events before are the first events of `source`.

    Attributes:
        run_id: the run's new id.
        sequence: how many events of `source` it has.
        input: replaces the input for the steps that have not begun; None: the same.
    """

    run_id: str
    source: str
    sequence: int
    input: JsonValue = None
    actor: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["forked"] = "forked"


@dataclass(frozen=True, slots=True)
class DefinitionChanged:
    """The run goes on with another definition, over which its whole past is folded.

    Attributes:
        accepted: the paths of steps that did other work, but whose results still count.
    """

    definition: FlowDefinition
    accepted: tuple[str, ...] = ()
    actor: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["definition_changed"] = "definition_changed"


@dataclass(frozen=True, slots=True)
class FlowFinished:
    """The run ends. One that waits goes on with a decision or an event; all go on when resumed, rerun or forked."""

    status: FinalStatus
    at: float = field(default=0.0, compare=False)
    type: Literal["flow_finished"] = "flow_finished"


FlowEvent: TypeAlias = (
    FlowStarted
    | Answered
    | AttemptStarted
    | AttemptNoted
    | AttemptFinished
    | AttemptFailed
    | AttemptStopped
    | StepApprovalRequested
    | StepApprovalDecided
    | WaitBegan
    | WaitEnded
    | Signalled
    | CancelRequested
    | Resumed
    | RerunRequested
    | Forked
    | DefinitionChanged
    | FlowFinished
)
