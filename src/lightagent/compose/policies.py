"""What reviews the runs of an agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.policies.capability_guard import CapabilityGuard
from lightagent.application.policies.guardrails import guardrail_policies
from lightagent.application.policies.hooks import flow_hook_policies, hook_policies
from lightagent.application.policies.pipeline import Pipeline, Policy
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.review_streams import ReviewStreams
from lightagent.compose.ports import check_port
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy import PHASES
from lightagent.options import AgentOptions
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate


def compose_gates(options: AgentOptions) -> tuple[Gate, ...]:
    """The caller's own gate, and the one that capabilities, hooks and guardrails stand behind, where there are any."""
    own = _gate(options.get("gate"))
    capabilities = options.get("capabilities")
    policies: list[Policy] = [
        *(() if capabilities is None else (CapabilityGuard(capabilities),)),
        *(hook_policies(hooks) if (hooks := options.get("hooks")) else ()),
        *(guardrail_policies("input", queries) if (queries := options.get("input_guardrails")) else ()),
        *(guardrail_policies("tool", calls) if (calls := options.get("tool_guardrails")) else ()),
        *(guardrail_policies("output", answers) if (answers := options.get("output_guardrails")) else ()),
    ]
    return (*(() if own is None else (own,)), *((Pipeline(policies),) if policies else ()))


def compose_flow_gates(hooks: Iterable[object]) -> tuple[Gate, ...]:
    """The gate that the hooks of a flow stand behind, where there are any.

    Raises:
        ConfigurationError: one is not a hook, or is called at no phase of a flow.
    """
    policies = flow_hook_policies([hook for hook in hooks if not isinstance(hook, ReviewDesk)])
    return (Pipeline(policies),) if policies else ()


def compose_flow_reviews(hooks: Iterable[object], store: JournalStore, clock: Callable[[], float]) -> FlowReviews:
    """Where people are asked about steps: the store of the flow's `HumanApprovalHook`, else that of its runs.

    Raises:
        ConfigurationError: there are several such hooks.
    """
    desks = [hook for hook in hooks if isinstance(hook, ReviewDesk)]
    if len(desks) > 1:
        raise ConfigurationError("LightFlow: hooks: one HumanApprovalHook is enough.", guidance="Leave the others out.")
    return FlowReviews(desks[0].streams, desks[0]) if desks else FlowReviews(ReviewStreams(store, clock))


def compose_desks(options: AgentOptions) -> tuple[ReviewDesk, ...]:
    """Who reviews the calls that wait for a human."""
    return tuple(hook for hook in options.get("hooks") or () if isinstance(hook, ReviewDesk))


def _gate(gate: Gate | None) -> Gate | None:
    """The gate, with what the loop reads of it at every step."""
    if check_port(gate, "gate", "review", "hold") is None or gate is None:
        return None
    phases: object = getattr(gate, "phases", None)
    if not isinstance(phases, (frozenset, set)) or not phases <= set(PHASES):
        raise ConfigurationError("gate: its phases must be a frozenset of phases.", guidance="See PHASES.")
    policies: object = getattr(gate, "policies", None)
    if not isinstance(policies, tuple) or not all(isinstance(name, str) for name in policies):
        raise ConfigurationError("gate: its policies must be a tuple of names.", guidance="An empty one will do.")
    return gate
