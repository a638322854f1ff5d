"""A run that passes every boundary, and a gate that does what a test tells it at one of them.

The agent asks a context source, calls a tool, hands over, answers, and draws a conclusion; at the boundary `approval`
it calls a tool that a human must approve instead. What each boundary reviews holds a word of its own (`canary`), so
that a test sees where it gets to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypedDict, TypeVar

from lightagent import Gate, JsonObject, LightAgent, LightAgentErrorInfo, ToolAnswer, tool
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, Trust
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.guardrails import TextGuardrail, ToolGuardrail
from lightagent.domain.policy.phases import (
    PHASES,
    ApprovalPayload,
    CallPayload,
    ConclusionPayload,
    ContextPayload,
    EndPayload,
    HandoffPayload,
    OutputPayload,
    Passed,
    Phase,
    QueryPayload,
    ReplyPayload,
    RequestPayload,
    ResultPayload,
    Subject,
    Verdict,
)
from lightagent.ports.models import ChatRequest
from lightagent.ports.policy import HeldStream
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds

PayloadT = TypeVar("PayloadT")

FORBIDDEN = LightAgentErrorInfo("LA-GUARDRAIL", "It is forbidden.", "Ask for something else.")


def canary(phase: Phase) -> str:
    """The word that only what is reviewed at this boundary holds."""
    return f"CANARY-{phase}-CANARY"


class Deed(Protocol):
    """What a gate does at one review."""

    async def __call__(self, payload: PayloadT) -> Verdict[PayloadT]: ...


@dataclass
class DeedGate:
    """Does its deed at the first review of one boundary, and lets everything else pass.

    Attributes:
        nested_only: only what happens in the run of an agent that is called as a tool counts.
        reviews: what it was asked, in order.
    """

    phase: Phase
    deed: Deed
    nested_only: bool = False
    timeout: float | None = None
    policies: tuple[str, ...] = ("table",)
    phases: frozenset[Phase] = frozenset(PHASES)
    reviews: list[tuple[Phase, Subject]] = field(default_factory=list)
    done: bool = False

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        self.reviews.append((phase, subject))
        if phase != self.phase or self.done or (self.nested_only and not subject.origin.path):
            return Passed(payload)
        self.done = True
        return await self.deed(payload)

    def hold(self, subject: Subject) -> HeldStream | None:
        return None


_CLEAN = (
    QueryPayload("clean"),
    CallPayload({"place": "clean"}),
    ApprovalPayload("clean", {"clean": True}),
    ResultPayload("clean"),
    OutputPayload("clean"),
    ConclusionPayload({"note": "clean"}),
    EndPayload(Blocked(FORBIDDEN)),
)


def rewritten(payload: PayloadT) -> PayloadT:
    """The payload without its canary."""
    made: object
    match payload:
        case ContextPayload(messages=messages):
            made = ContextPayload(tuple(replace(message, content="clean") for message in messages))
        case RequestPayload(params=params):
            made = replace(payload, params={**params, "seed": 7})
        case ReplyPayload(message=message):
            made = replace(payload, message=replace(message, content="clean"))
        case HandoffPayload():
            made = replace(payload, target="third")
        case _:
            made = next(clean for clean in _CLEAN if type(clean) is type(payload))
    assert isinstance(made, type(payload))
    return made


@dataclass
class Effects:
    """What a run did outside of itself."""

    touched: list[str] = field(default_factory=list)
    asked_sources: int = 0
    concluded: list[JsonObject] = field(default_factory=list)


class Memory:
    """A context source."""

    name = "memory"
    trust: Trust = "untrusted"
    timeout = None

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def gather(self, subject: Subject, query: str) -> Sequence[str]:
        self._effects.asked_sources += 1
        return [canary("context")]


class Remember:
    """A conclusion."""

    name = "remember"

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | None:
        return {"note": canary("conclusion")}

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> None:
        self._effects.concluded.append(proposal)


class Policies(TypedDict, total=False):
    """The policies of an agent."""

    gate: Gate | None
    hooks: Sequence[object] | None
    input_guardrails: Sequence[TextGuardrail] | None
    tool_guardrails: Sequence[ToolGuardrail] | None
    output_guardrails: Sequence[TextGuardrail] | None


def passing_agent(
    gate: DeedGate | None, effects: Effects, phase: Phase, *, nested: bool, policies: Policies | None = None
) -> LightAgent[None, str]:
    """The agent whose run passes every boundary; with `nested`, one that calls it as a tool.

    Args:
        policies: of the outermost agent, in the place of the gate.
    """
    none = Policies()
    chosen = Policies(gate=gate) if policies is None else policies

    @tool
    async def look(place: str) -> str:
        """Looks somewhere."""
        effects.touched.append(f"look {place}")
        return canary("tool_result")

    @tool(requires_approval=True)
    async def pay(to: str) -> str:
        """Pays somebody."""
        effects.touched.append(f"pay {to}")
        return "paid"

    @tool
    async def switch() -> ToolAnswer:
        """Hands over."""
        return ToolAnswer("handed over", hand_over="second")

    model = ScriptedModel(_approving if phase == "approval" else _working)
    second, third = (LightAgent(name=name, model=model, instructions=name) for name in ("second", "third"))
    agent = LightAgent(
        name="first",
        model=model,
        tools=[look, pay, switch],
        **(none if nested else chosen),
        context_sources=[Memory(effects)],
        conclusions=[Remember(effects)],
        handoffs=[second, third],
        capture_content=True,
        clock=ManualClock(),
        ids=SequentialIds(),
    )
    if not nested:
        return agent
    outer = ScriptedModel(_outer)
    tools = [agent.as_tool("inner", "An agent.")]
    return LightAgent(
        name="outer",
        model=outer,
        tools=tools,
        **chosen,
        capture_content=True,
        clock=ManualClock(),
        ids=SequentialIds(),
    )


QUERY = f"Please see to it: {canary('admission')}"


def _outer(request: ChatRequest) -> AssistantMessage:
    last = request.messages[-1]
    if isinstance(last, ToolMessage):
        return AssistantMessage(f"it said: {last.content}")
    return AssistantMessage(None, (ToolCall("inner_call", "inner", f'{{"query": "{QUERY}"}}'),))


def _working(request: ChatRequest) -> AssistantMessage:
    match sum(isinstance(message, AssistantMessage) for message in request.messages):
        case 0:
            call = ToolCall("look_call", "look", f'{{"place": "{canary("tool_call")}"}}')
            return AssistantMessage(f"I look. {canary('model_reply')}", (call,))
        case 1:
            return AssistantMessage(None, (ToolCall("switch_call", "switch", "{}"),))
        case _:
            return AssistantMessage(f"Done. {canary('output')}", reasoning=f"I thought of {canary('output')}")


def _approving(request: ChatRequest) -> AssistantMessage:
    if isinstance(request.messages[-1], ToolMessage):
        return AssistantMessage("Done.")
    return AssistantMessage(None, (ToolCall("pay_call", "pay", f'{{"to": "{canary("approval")}"}}'),))
