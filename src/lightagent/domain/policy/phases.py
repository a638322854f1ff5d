"""What policies are asked about a run, and what they may answer.

A run passes a boundary before and after everything it does. At each one the gate (`lightagent.ports.policy.Gate`)
reviews a payload, which is what is about to happen, and answers with one verdict. The decisions behind a verdict are
recorded with the event they decide about, so that they are never lost and never made twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin
from lightagent.domain.outcomes import Outcome
from lightagent.domain.policy.flow_payloads import FlowPayload
from lightagent.domain.policy.memory_payloads import MemoryPayload
from lightagent.domain.tools.spec import ToolSpec
from lightagent.domain.usage import Usage

Phase: TypeAlias = Literal[
    "admission",
    "memory_retrieve",
    "memory_found",
    "context",
    "model_request",
    "model_reply",
    "tool_call",
    "approval",
    "tool_result",
    "handoff",
    "output",
    "memory_write",
    "conclusion",
    "memory_promote",
    "memory_promoted",
    "memory_written",
    "end",
    "flow_step",
    "flow_step_result",
    "flow_resume",
    "flow_rerun",
]
"""The boundaries of a run, in the order in which a run may first meet them; those of flows come last."""

PHASES: Final[tuple[Phase, ...]] = (
    "admission",
    "memory_retrieve",
    "memory_found",
    "context",
    "model_request",
    "model_reply",
    "tool_call",
    "approval",
    "tool_result",
    "handoff",
    "output",
    "memory_write",
    "conclusion",
    "memory_promote",
    "memory_promoted",
    "memory_written",
    "end",
)
"""Those that a run of an agent meets."""

FLOW_PHASES: Final[frozenset[Phase]] = frozenset(
    {"flow_step", "flow_step_result", "approval", "flow_resume", "flow_rerun"}
)
"""Those that a run of a flow meets."""

MEMORY_PHASES: Final[frozenset[Phase]] = frozenset(
    {"memory_retrieve", "memory_found", "memory_write", "memory_promote", "memory_promoted", "memory_written"}
)
"""Those that only runs of agents with memories meet. What is blocked there is not done, and the run goes on."""

Action: TypeAlias = Literal["allow", "rewrite", "ask", "block", "error"]
"""What a policy decided. `error` means that it failed to decide, which blocks."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One policy's decision at one boundary.

    Attributes:
        phase: the boundary.
        by: the name of the policy.
        action: what it decided.
        reason: why, in a sentence for people. It is kept in the journal, so it must not quote what was blocked.
    """

    phase: Phase
    by: str
    action: Action
    reason: str = ""


def rewritings(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """Those that changed what was reviewed."""
    return tuple(decision for decision in decisions if decision.action == "rewrite") if decisions else ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a review may look at, but not change.

    Attributes:
        model: the name of the acting agent's model.
        instructions: its system message; empty where none is sent.
        query: the text of what the user asked; empty at `admission`, where it is the payload.
        stream: whether the run is watched as a stream.
        structured: whether the answer has a type, and so is JSON.
        result_format: the form that the caller asked for.
        params: the request parameters that the run was begun with; given at `admission` alone.
        tools: the names of the agent's own tools and the run's; given at `admission` alone.
        specs: the declarations of the tools that are offered, at `model_request`; of the tool, at `tool_call`.
        untrusted: the labels of the untrusted text that has entered the conversation; see `context_labels`.
        approved: a human has decided that the call runs with exactly the arguments that stood before the first policy;
            given at `tool_call` alone.
    """

    model: str = ""
    instructions: str = ""
    query: str = ""
    stream: bool = False
    structured: bool = False
    result_format: str = "str"
    params: JsonObject = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    specs: tuple[ToolSpec, ...] = ()
    untrusted: tuple[str, ...] = ()
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a review is about: whose run it is and where it stands, and the tool call, source or agent in question.

    Attributes:
        origin: the run, its trace, its owner and the turn.
        name: the tool, context source, conclusion or target agent; empty at the other boundaries.
        call_id: the id of the tool call, if any.
        facts: what else may be looked at.
    """

    origin: Origin
    name: str = ""
    call_id: str = ""
    facts: RunFacts = field(default=RunFacts(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class QueryPayload:
    """admission: what the user asks, before anything is on record."""

    content: str | tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class ContextPayload:
    """context: what a source adds to the conversation."""

    messages: tuple[ContextMessage, ...]


@dataclass(frozen=True, slots=True)
class RequestPayload:
    """model_request: the conversation without the instructions, the request's parameters, the names of the tools."""

    messages: tuple[Message, ...]
    params: JsonObject
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplyPayload:
    """model_reply: one whole answer of the model, before it is on record."""

    message: AssistantMessage
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class CallPayload:
    """tool_call: the checked arguments of a call, before the tool is touched."""

    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class ApprovalPayload:
    """approval: what a human reviewer will be shown."""

    reason: str
    request: JsonObject


@dataclass(frozen=True, slots=True)
class ResultPayload:
    """tool_result: the text that the model would get; whatever the tool did has been done."""

    output: str


@dataclass(frozen=True, slots=True)
class HandoffPayload:
    """handoff: the run would go on as another agent."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class OutputPayload:
    """output: the final text, which fits the output type if there is one."""

    content: str


@dataclass(frozen=True, slots=True)
class ConclusionPayload:
    """conclusion: what would be done after success, such as a memory to be written."""

    proposal: JsonObject


@dataclass(frozen=True, slots=True)
class EndPayload:
    """end: how the run ends."""

    outcome: Outcome


Payload: TypeAlias = (
    QueryPayload
    | ContextPayload
    | RequestPayload
    | ReplyPayload
    | CallPayload
    | ApprovalPayload
    | ResultPayload
    | HandoffPayload
    | OutputPayload
    | ConclusionPayload
    | EndPayload
    | MemoryPayload
    | FlowPayload
)
"""What is reviewed; `dataclasses.replace` makes a rewritten one."""

PayloadT = TypeVar("PayloadT")


@dataclass(frozen=True, slots=True)
class Passed(Generic[PayloadT]):
    """Go on with `payload`, which may be another than the one that was reviewed."""

    payload: PayloadT
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked(Generic[PayloadT]):
    """A human must decide first. Only a tool call can wait; at any other boundary this blocks."""

    payload: PayloadT
    reason: str
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The model gets `error` in place of a tool's answer, and the run continues.

    Only what is about a tool call can be refused: the call itself, its approval, its result, a handoff. At any other
    boundary this blocks.
    """

    error: LightAgentErrorInfo
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ends with `outcome`: blocked, budget exhausted, or whatever else the policy names but completed."""

    outcome: Outcome
    decisions: tuple[Decision, ...] = field(default=())


Verdict: TypeAlias = Passed[PayloadT] | Asked[PayloadT] | Refused | Stopped
"""The answer to one review."""
