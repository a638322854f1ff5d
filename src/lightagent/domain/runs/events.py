"""What happens in a run: a closed union, and the only truth about it.

Everything a user sees of a run (result, stream, trace, spans, session, checkpoint) is a projection of a sequence of
these. Fields that only tell when and how long are left out of comparison: journals are equal when the same happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import DEFAULT_LIMITS, Limits
from lightagent.domain.outcomes import Outcome
from lightagent.domain.planning.plans import Planned
from lightagent.domain.policy.phases import Decision
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.effects import Effect
from lightagent.domain.runs.starts import AgentPlans, AgentPolicies, HistoryReference
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.domain.usage import Usage

TOOL_PROGRESS: Final = "tool_progress"
"""The kind of note that a tool makes with `RunContext.report`; its text is the tool's own, and may be private."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, with all that is needed to resume it in another process.

    Attributes:
        messages: the history and, unless it awaits admission, the query.
        policies: the names of the policies that review the run whichever agent acts; it is not resumed without them.
        awaits_admission: the query is not recorded yet: it is recorded with `Admitted`, once policies have passed it.
        before: the context sources that are asked before the first request.
        after: the conclusions that are drawn after success.
        history: a stored conversation that precedes `messages`.
        handoff_policies: the policies of the agents that may take over; the run is not resumed if one of those agents
            has lost a policy.
        untrusted: the labels of all untrusted text before the query, unless the messages themselves carry them; see
            `lightagent.domain.conversation.labels`.
        plans: how many plans are made by the agents that plan before they act.
        tags: the caller's tags; those of the outermost run also apply to the runs of agents that it calls.
        acting: the agent that acts first, where that is not `head` but the one that answered last in a session.
    """

    run_id: str
    head: AgentHead
    messages: tuple[Message, ...]
    limits: Limits = DEFAULT_LIMITS
    scope: Scope = NO_SCOPE
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    policies: tuple[str, ...] = ()
    awaits_admission: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    history: HistoryReference | None = None
    handoff_policies: tuple[AgentPolicies, ...] = ()
    at: float = field(default=0.0, compare=False)
    untrusted: tuple[str, ...] | None = None
    plans: tuple[AgentPlans, ...] = ()
    tags: tuple[str, ...] = ()
    acting: AgentHead | None = None
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The policies passed the query, which is now on record as they left it."""

    message: UserMessage
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["admitted"] = "admitted"


@dataclass(frozen=True, slots=True)
class ContextAdded:
    """A context source was asked. With `error` it failed, and the run continues without its messages.

    Attributes:
        details: how the source found the messages, such as what it left out, and why.
    """

    source: str
    messages: tuple[ContextMessage, ...]
    error: LightAgentErrorInfo | None = None
    decisions: tuple[Decision, ...] = ()
    details: JsonObject = field(default_factory=dict)
    at: float = field(default=0.0, compare=False)
    type: Literal["context_added"] = "context_added"


@dataclass(frozen=True, slots=True)
class ContextReplaced:
    """Compaction: the first `count` messages of the conversation gave way to `messages`; `source` names what did it.

    Attributes:
        replaced: where the messages come from that are gone or changed; see `lightagent.domain.conversation.labels`.
        usage: the tokens of the model that was asked for a summary.
        error: what kept a summary from being made, or results from being put aside, so that messages were dropped.
        decisions: of the policies that reviewed what the model was asked for a summary, and its answer.
    """

    source: str
    count: int
    messages: tuple[Message, ...]
    replaced: tuple[str, ...] = ()
    usage: Usage | None = None
    error: LightAgentErrorInfo | None = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["context_replaced"] = "context_replaced"


@dataclass(frozen=True, slots=True)
class ModelRequested:
    """The conversation goes to the model.

    Attributes:
        message_count: messages in the request, the instructions included.
        tools: the names of the tools that are offered.
        params: the request's parameters, where they are others than the agent's: policies changed them, or a tool call
            was forced at an earlier turn; else None.
        messages: the request's messages without the instructions, where policies changed the conversation; else None.
        hidden: the names of the tools that policies took out of this request, or that a plan keeps back; the next one
            may offer them.
    """

    turn: int
    message_count: int
    tools: tuple[str, ...] = ()
    params: JsonObject | None = None
    messages: tuple[Message, ...] | None = None
    decisions: tuple[Decision, ...] = ()
    hidden: tuple[str, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["model_requested"] = "model_requested"


@dataclass(frozen=True, slots=True)
class ModelRetried:
    """The request is made again, after a failure or after a crash interrupted it; `attempt` counts from 2."""

    turn: int
    attempt: int
    at: float = field(default=0.0, compare=False)
    type: Literal["model_retried"] = "model_retried"


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """One attempt at a request failed.

    Attributes:
        partial: the text that had come, and passed the policies.
        usage: the tokens that had been reported.
        ends: how the run ends because of it; None if another attempt may follow.
    """

    turn: int
    attempt: int
    error: LightAgentErrorInfo
    partial: str = ""
    usage: Usage | None = None
    ends: Outcome | None = None
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["model_failed"] = "model_failed"


@dataclass(frozen=True, slots=True)
class ModelReplied:
    """The model answered. `latency` and `first_delta` are seconds since the request."""

    turn: int
    message: AssistantMessage
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    response_id: str | None = None
    decisions: tuple[Decision, ...] = ()
    latency: float = field(default=0.0, compare=False)
    first_delta: float | None = field(default=None, compare=False)
    at: float = field(default=0.0, compare=False)
    type: Literal["model_replied"] = "model_replied"


@dataclass(frozen=True, slots=True)
class CallsRefused:
    """The reply makes more calls than a turn may have; each of these gets `error` as its result."""

    call_ids: tuple[str, ...]
    error: LightAgentErrorInfo
    at: float = field(default=0.0, compare=False)
    type: Literal["calls_refused"] = "calls_refused"


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call begins with these checked arguments. Written before the tool is touched."""

    call_id: str
    name: str
    arguments: JsonObject
    idempotency_key: str
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["tool_started"] = "tool_started"


ToolStatus: TypeAlias = Literal["ok", "failed", "refused", "rejected", "answered", "unknown", "withheld"]
"""How a call ended.

* ok: the tool answered.
* failed: it raised or timed out.
* refused: it was never called (bad arguments, no such tool, a policy).
* rejected: a human said no.
* answered: a human answered in its place.
* unknown: it was interrupted or given up, and may have taken effect.
* withheld: it took effect, but a policy keeps its answer from the model.
"""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A call has its one result.

    Attributes:
        output: the text the model gets.
        effects: what the call does to the run.
        ends: how the run ends because of it; None if it continues.
        labels: where the output comes from, where it is not just from the tool.
    """

    call_id: str
    output: str
    status: ToolStatus = "ok"
    error: LightAgentErrorInfo | None = None
    effects: tuple[Effect, ...] = ()
    ends: Outcome | None = None
    decisions: tuple[Decision, ...] = ()
    duration: float = field(default=0.0, compare=False)
    at: float = field(default=0.0, compare=False)
    labels: tuple[str, ...] = ()
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """A call waits for a human.

    Attributes:
        request: what the reviewer is shown.
        arguments: the checked arguments that an approval is for.
    """

    call_id: str
    reason: str
    request: JsonObject
    arguments: JsonObject = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True, slots=True)
class ApprovalDecided:
    """A human decided about a waiting call; a suspended run goes on."""

    call_id: str
    decision: ApprovalDecision
    at: float = field(default=0.0, compare=False)
    type: Literal["approval_decided"] = "approval_decided"


@dataclass(frozen=True, slots=True)
class Nested:
    """Something happened in the run of an agent that this run called as a tool."""

    call_id: str
    event: Event
    type: Literal["nested"] = "nested"

    @property
    def at(self) -> float:
        """When it happened."""
        return self.event.at


@dataclass(frozen=True, slots=True)
class OutputRejected:
    """The final answer does not fit its type; `message` tells the model why."""

    message: UserMessage
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["output_rejected"] = "output_rejected"


@dataclass(frozen=True, slots=True)
class OutputAccepted:
    """The final answer passed every check and policy; `content` is what it became."""

    content: str
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["output_accepted"] = "output_accepted"


@dataclass(frozen=True, slots=True)
class Concluded:
    """A conclusion was drawn after success, such as a memory that was written. With `error` it failed.

    Attributes:
        details: what the conclusion says of what it did, or why it did nothing.
        usage: the tokens of the request to a model that it made.
    """

    name: str
    error: LightAgentErrorInfo | None = None
    decisions: tuple[Decision, ...] = ()
    details: JsonObject = field(default_factory=dict)
    usage: Usage | None = None
    at: float = field(default=0.0, compare=False)
    type: Literal["concluded"] = "concluded"


@dataclass(frozen=True, slots=True)
class Noted:
    """A remark for the consumer of the run; it moves nothing, and its data may be private."""

    kind: str
    data: JsonObject
    at: float = field(default=0.0, compare=False)
    type: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ends; only a suspended one can go on."""

    outcome: Outcome
    decisions: tuple[Decision, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["run_finished"] = "run_finished"


@dataclass(frozen=True, slots=True)
class Unrecognized:
    """An event of a later version that says of itself that it moves nothing; `entry` is kept as it was read."""

    entry: JsonObject
    type: Literal["unrecognized"] = "unrecognized"

    @property
    def at(self) -> float:
        """When it happened, as far as the entry tells."""
        moment = self.entry.get("at")
        return float(moment) if isinstance(moment, (int, float)) else 0.0


Event: TypeAlias = (
    RunStarted
    | Admitted
    | ContextAdded
    | ContextReplaced
    | ToolsSelected
    | Planned
    | MessagesDelivered
    | ModelRequested
    | ModelRetried
    | ModelFailed
    | ModelReplied
    | CallsRefused
    | ToolStarted
    | ToolFinished
    | ApprovalRequested
    | ApprovalDecided
    | Nested
    | OutputRejected
    | OutputAccepted
    | Concluded
    | Noted
    | RunFinished
    | Unrecognized
)
