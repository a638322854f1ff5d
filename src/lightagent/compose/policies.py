"""The policies that review runs: gates of agents and flows, and the desks of human reviewers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Never

from lightagent.application.active_run.means import Means
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.policies.capability_guard import CapabilityGuard
from lightagent.application.policies.guardrails import guardrail_policies
from lightagent.application.policies.hooks import flow_hook_policies, hook_policies
from lightagent.application.policies.narrowed_tools import NarrowedTools
from lightagent.application.policies.pipeline import Pipeline, Policy
from lightagent.application.policies.review_desk import ReviewDesk
from lightagent.application.reviews.streams import ReviewStreams
from lightagent.application.tools.deps import DepsT
from lightagent.compose.check_ports import check_port
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.capabilities import CapabilityPolicy
from lightagent.domain.policy.phases import PHASES
from lightagent.options import AgentOptions
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate


def compose_gates(options: AgentOptions[Never]) -> tuple[Gate, ...]:
    """The caller's own gate, and the one for capabilities, hooks and guardrails, if there are any."""
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
    """The gate for the hooks of a flow, if there are any.

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


def restrict_means(
    means: Means[DepsT], name: str, tools: Sequence[str] | None, capabilities: CapabilityPolicy | None
) -> Means[DepsT]:
    """Restrict the tools and permissions of an agent that another agent uses as a tool called `name`.

    Raises:
        ConfigurationError: the tools are not a list of names, or the policy is not one.
    """
    given: tuple[object, object] = (tools, capabilities)
    if tools is not None and not _is_names(given[0]):
        raise ConfigurationError("as_tool: tools must be a list of names of tools.")
    if given[1] is not None and not isinstance(given[1], CapabilityPolicy):
        raise ConfigurationError("as_tool: capabilities must be a CapabilityPolicy.")
    policies: list[Policy] = [] if tools is None else [NarrowedTools(tools, name)]
    if capabilities is not None:
        policies.append(CapabilityGuard(capabilities, f"capabilities_as_tool:{name}"))
    return means.changed_to(replace(means, gates=(*means.gates, Pipeline(policies)))) if policies else means


def _is_names(tools: object) -> bool:
    """Whether these are names. A single text is refused: its letters would be taken for names."""
    return isinstance(tools, Collection) and not isinstance(tools, str) and all(isinstance(one, str) for one in tools)


def compose_desks(options: AgentOptions[Never]) -> tuple[ReviewDesk, ...]:
    """Who reviews the calls that wait for a human."""
    return tuple(hook for hook in options.get("hooks") or () if isinstance(hook, ReviewDesk))


def _gate(gate: Gate | None) -> Gate | None:
    """Check the attributes of a gate that the run loop reads at every step."""
    if check_port(gate, "gate", "review", "hold") is None or gate is None:
        return None
    phases: object = getattr(gate, "phases", None)
    if not isinstance(phases, (frozenset, set)) or not phases <= set(PHASES):
        raise ConfigurationError("gate: its phases must be a frozenset of phases.", guidance="See PHASES.")
    policies: object = getattr(gate, "policies", None)
    if not isinstance(policies, tuple) or not all(isinstance(name, str) for name in policies):
        raise ConfigurationError("gate: its policies must be a tuple of names.", guidance="An empty one will do.")
    return gate
