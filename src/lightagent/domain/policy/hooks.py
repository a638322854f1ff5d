"""Hooks as values: the phases they are called in, what they are given, and what they may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from typing_extensions import TypeIs

from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.policy.phases import Phase
from lightagent.domain.policy.rulings import Unreadable

HookPhase: TypeAlias = Literal[
    "before_run",
    "before_memory_retrieve",
    "after_memory_retrieve",
    "before_model_request",
    "after_model_response",
    "before_tool_call",
    "after_tool_result",
    "on_handoff",
    "before_memory_write",
    "before_memory_promote",
    "after_memory_promote",
    "after_memory_write",
    "on_error",
    "after_run",
    "before_flow_step",
    "after_flow_step",
    "on_approval_required",
    "on_resume",
    "on_rerun",
]
"""The phases in which hooks are called, in the order in which a run may first meet them; those of flows come last."""

FLOW_HOOK_PHASES: Final[tuple[HookPhase, ...]] = (
    "before_flow_step",
    "after_flow_step",
    "on_approval_required",
    "on_resume",
    "on_rerun",
)
"""The phases of a run of a flow. A hook of an agent may name them, but a run of an agent has none of them."""

HOOK_PHASES: Final[tuple[HookPhase, ...]] = tuple(
    phase for phase in get_args(HookPhase) if phase not in FLOW_HOOK_PHASES
)
"""The phases of a run of an agent."""

BOUNDARIES: Final[Mapping[HookPhase, Phase]] = {
    "before_run": "admission",
    "before_memory_retrieve": "memory_retrieve",
    "after_memory_retrieve": "memory_found",
    "before_model_request": "model_request",
    "after_model_response": "model_reply",
    "before_tool_call": "tool_call",
    "after_tool_result": "tool_result",
    "on_handoff": "handoff",
    "before_memory_write": "memory_write",
    "before_memory_promote": "memory_promote",
    "after_memory_promote": "memory_promoted",
    "after_memory_write": "memory_written",
    "on_error": "end",
    "after_run": "end",
    "before_flow_step": "flow_step",
    "after_flow_step": "flow_step_result",
    "on_approval_required": "approval",
    "on_resume": "flow_resume",
    "on_rerun": "flow_rerun",
}
"""The boundary of a run at which each phase is met."""


@dataclass(frozen=True, slots=True)
class HookContext:
    """The argument of a hook; its lists and objects are copies, which the hook may change.

    Attributes:
        phase: the phase of the run.
        payload: what is about to happen; its keys depend on the phase.
        trace_id, parent_trace_id, run_id, run_group_id: those of the run.
        user_id, tenant: the owner of the run; empty if no user or tenant was named.
        agent_name: the acting agent.
        flow_id, step_name: the id of the flow's run, or of the one around this run, and the path of the step; empty
            outside of flows.
        metadata: `turn`; `call_id`, empty unless it is about a tool call; `path`, the calls that lead to a nested run.
    """

    phase: HookPhase
    payload: JsonObject = field(default_factory=dict)
    trace_id: str = ""
    parent_trace_id: str = ""
    run_id: str = ""
    run_group_id: str = ""
    user_id: str = ""
    agent_name: str = ""
    flow_id: str = ""
    step_name: str = ""
    metadata: JsonObject = field(default_factory=dict)
    tenant: str = ""


HookAction: TypeAlias = Literal["continue", "replace", "block", "ask"]


@dataclass(frozen=True, slots=True)
class HookDecision:
    """The answer of a hook; use the four constructors.

    Nothing is checked here: an error would be raised in the hook, whose failures a run may survive. Answers are
    validated when they are read, and an invalid one blocks.

    Attributes:
        action: continue, replace the payload, block, or (for a tool call) let a human decide.
        payload: for replace; keys that are left out stay unchanged.
        reason: why, for the caller, the model or the reviewer; it is kept in the journal.
        metadata: kept in the journal with the reason.
    """

    action: HookAction = "continue"
    payload: Mapping[str, JsonInput] | None = None
    reason: str = ""
    metadata: Mapping[str, JsonInput] = field(default_factory=dict)

    @classmethod
    def continue_(cls, *, metadata: Mapping[str, JsonInput] | None = None) -> HookDecision:
        """Go on."""
        return cls(metadata=metadata or {})

    @classmethod
    def replace(
        cls, payload: Mapping[str, JsonInput], *, metadata: Mapping[str, JsonInput] | None = None
    ) -> HookDecision:
        """Go on with this payload."""
        return cls("replace", payload, metadata=metadata or {})

    @classmethod
    def block(cls, reason: str = "", *, metadata: Mapping[str, JsonInput] | None = None) -> HookDecision:
        """Stop: about a tool call the model gets the reason, anywhere else the run is blocked."""
        return cls("block", None, reason, metadata or {})

    @classmethod
    def ask(cls, reason: str = "", *, metadata: Mapping[str, JsonInput] | None = None) -> HookDecision:
        """Let a human decide about the tool call; the run suspends."""
        return cls("ask", None, reason, metadata or {})


def read_hook_answer(answer: object) -> HookDecision | Unreadable:
    """Interpret the return value of a hook.

    None and True continue, False and a text block; an object with one of the keys `action`, `allowed`, `payload`,
    `reason` and `metadata` stands for a decision.
    """
    if answer is None or answer is True:
        return HookDecision()
    if answer is False:
        return HookDecision.block()
    if isinstance(answer, str):
        return HookDecision.block(answer)
    if isinstance(answer, HookDecision):
        return _checked(answer.action, answer.payload, answer.reason, answer.metadata)
    if isinstance(answer, dict) and not answer.keys().isdisjoint(_KEYS):
        return _read_object(answer)
    return Unreadable(f"It answered with {type(answer).__name__}, which is not a decision.")


_KEYS: Final = frozenset({"action", "allowed", "payload", "reason", "metadata"})


def _read_object(answer: dict[object, object]) -> HookDecision | Unreadable:
    reason, payload, metadata = answer.get("reason"), answer.get("payload"), answer.get("metadata")
    allowed, action = answer.get("allowed", True), answer.get("action")
    if not isinstance(allowed, bool):
        return Unreadable(f"Its answer has {type(allowed).__name__} for `allowed`, not True or False.", is_attempt=True)
    if not allowed:
        action = "block"
    elif action is None:
        action = "continue" if payload is None else "replace"
    return _checked(action, payload, "" if reason is None else reason, {} if metadata is None else metadata)


def _checked(action: object, payload: object, reason: object, metadata: object) -> HookDecision | Unreadable:
    if not _is_action(action):
        return Unreadable("The action of its answer is not one of continue, replace, block and ask.", is_attempt=True)
    if not isinstance(reason, str) or not isinstance(metadata, (dict, Mapping)):
        return Unreadable("The reason of a decision is text, and its metadata an object.", is_attempt=True)
    if action != "replace":
        return HookDecision(action, None, reason, metadata)
    if not isinstance(payload, (dict, Mapping)):
        return Unreadable("Its answer replaces the payload with what is not an object.", is_attempt=True)
    return HookDecision(action, payload, reason, metadata)


def _is_action(value: object) -> TypeIs[HookAction]:
    return isinstance(value, str) and value in get_args(HookAction)
