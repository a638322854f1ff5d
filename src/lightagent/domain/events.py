"""What happens in a run: a closed union, and the only truth about it.

Everything a user sees of a run (result, stream, trace, spans, session, checkpoint) is a projection of a sequence of
these. Fields that only tell when and how long are left out of comparison: journals are equal when the same happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import AssistantMessage, Message
from lightagent.domain.outcomes import Outcome
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.domain.usage import Usage

OUTPUT_CHECK: Final = "output_check"
"""The source of context that tells the model why its final answer was refused."""

TOOL_PROGRESS: Final = "tool_progress"
"""The kind of note that a tool makes with `RunContext.report`; its text is the tool's own, and may be private."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a run may go.

    Attributes:
        max_tool_iterations: rounds of tool calls.
        max_retry: attempts at one model request, the first included.
        max_output_retries: how often an invalid final answer goes back to the model.
        model_timeout: seconds for one model request with all its attempts and the waiting between them.
        timeout: seconds from start (or resumption) to end of the run; None: no limit.

    Raises:
        ConfigurationError: one is of a wrong type or out of range; the text names it.
    """

    max_tool_iterations: int = 10
    max_retry: int = 10
    max_output_retries: int = 3
    model_timeout: float = 600.0
    timeout: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("max_tool_iterations", 0), ("max_retry", 1), ("max_output_retries", 0)):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ConfigurationError(f"limits: {name} is a whole number, at least {least}, not {count!r}.")
        for name, seconds in (("model_timeout", self.model_timeout), ("timeout", self.timeout)):
            if seconds is None and name == "timeout":
                continue
            if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds > 0:
                raise ConfigurationError(f"limits: {name} is seconds above 0, not {seconds!r}.")


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins, with all that is needed to go on with it elsewhere."""

    run_id: str
    agent_name: str
    model: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()
    params: JsonObject = field(default_factory=dict)
    output_schema: JsonObject | None = None
    limits: Limits = DEFAULT_LIMITS
    scope: Scope = NO_SCOPE
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    at: float = field(default=0.0, compare=False)
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class ModelRequested:
    """The conversation, of so many messages, goes to the model."""

    turn: int
    message_count: int
    at: float = field(default=0.0, compare=False)
    type: Literal["model_requested"] = "model_requested"


@dataclass(frozen=True, slots=True)
class ModelFailed:
    """One attempt at a request failed; another follows unless the run ends. `partial` is the text that had come."""

    turn: int
    attempt: int
    error: LightAgentErrorInfo
    partial: str = ""
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
    latency: float = field(default=0.0, compare=False)
    first_delta: float | None = field(default=None, compare=False)
    at: float = field(default=0.0, compare=False)
    type: Literal["model_replied"] = "model_replied"


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call begins with these checked arguments. Written before the tool is touched."""

    call_id: str
    name: str
    arguments: JsonObject
    idempotency_key: str
    at: float = field(default=0.0, compare=False)
    type: Literal["tool_started"] = "tool_started"


ToolStatus: TypeAlias = Literal["ok", "failed", "refused", "rejected", "answered", "unknown"]
"""ok: the tool answered. failed: it raised or timed out. refused: never called (bad arguments, no such tool).
rejected: a human said no. answered: a human answered in its place. unknown: interrupted, it may have happened."""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A call has its one result: the text the model gets."""

    call_id: str
    output: str
    status: ToolStatus = "ok"
    error: LightAgentErrorInfo | None = None
    duration: float = field(default=0.0, compare=False)
    at: float = field(default=0.0, compare=False)
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """A call waits for a human."""

    call_id: str
    reason: str
    request: JsonObject
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
class ContextAdded:
    """Something other than the model and its tools added to the conversation; `source` names what."""

    source: str
    messages: tuple[Message, ...]
    at: float = field(default=0.0, compare=False)
    type: Literal["context_added"] = "context_added"


@dataclass(frozen=True, slots=True)
class OutputAccepted:
    """The final answer passed every check; `content` is what it became."""

    content: str
    at: float = field(default=0.0, compare=False)
    type: Literal["output_accepted"] = "output_accepted"


@dataclass(frozen=True, slots=True)
class Noted:
    """A remark for whoever watches the run or reads its trace; it moves nothing. `kind` is its type in the trace."""

    kind: str
    data: JsonObject
    at: float = field(default=0.0, compare=False)
    type: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run ends; only a suspended one can go on."""

    outcome: Outcome
    at: float = field(default=0.0, compare=False)
    type: Literal["run_finished"] = "run_finished"


Event: TypeAlias = (
    RunStarted
    | ModelRequested
    | ModelFailed
    | ModelReplied
    | ToolStarted
    | ToolFinished
    | ApprovalRequested
    | ApprovalDecided
    | ContextAdded
    | OutputAccepted
    | Noted
    | RunFinished
)
