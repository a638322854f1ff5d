"""A person's decision about a step, or about what waits within it, as the event that it becomes."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, StepApprovalDecided
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.paths import declared_path, escape
from lightagent.domain.flow.state import FlowState
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.secrets.masking import shown


def decided(
    steps: Mapping[str, LightFlowStep], state: FlowState, step: str, decision: ApprovalDecision, now: float
) -> FlowEvent:
    """The decision about a step; ``outer/inner`` is a step of the flow that is the step ``outer``.

    Args:
        steps: those of the flow, by what names their work.

    Raises:
        ConfigurationError: the step does not exist, or it does not wait.
    """
    outer, inside, node = step, "", state.nodes.get(step) or state.nodes.get(escape(step))
    while node is None and "/" in outer:
        outer, _, last = outer.rpartition("/")
        inside = f"{last}/{inside}" if inside else last
        node = state.nodes.get(outer)
    if node is not None and (inside or node.status == "running"):
        declared = steps.get(node.step.work or declared_path(node.path))
        if declared is not None and node.notes:
            return AttemptNoted(
                node.path, node.epoch, node.attempt, declared.work.decide(node.notes, inside, decision, now), at=now
            )
    node = state.nodes[node_path(state, step)]
    if node.status != "waiting_approval":
        raise _waits_not(node)
    return StepApprovalDecided(node.path, node.epoch, decision, node.request_id, at=now)


def _waits_not(node: Node) -> ConfigurationError:
    """The error for a step that waits for no decision at present."""
    guidance = "get_run and `lightagent flow show` tell where the run is now."
    decided = node.decision
    if node.why == "expired" and decided is not None and decided.action == "reject":
        why, guidance = "the time to decide has passed, and it has failed", "rerun_step asks anew."
    elif decided is not None:
        who = shown(decided.actor) if decided.actor else "somebody"
        why = f"{who:.60} has decided ({decided.action}). The first decision counts"
    elif node.status in ("success", "failed", "skipped"):
        why = f"it is over ({node.status})"
    else:
        why = "it goes on" if node.status == "running" else "no request has been made yet"
    return ConfigurationError(f"{node.path} waits for no decision: {why}.", guidance=guidance)


def node_path(state: FlowState, step: str) -> str:
    """The path of a step that is named by its path, or by its name if it is one of the flow's own steps.

    Raises:
        ConfigurationError: the run has none.
    """
    # The one step inside an item or a round has the name of the map or the loop.
    name = step.rpartition("/")[2].partition("[")[0].partition("#")[0]
    for path in (step, escape(step), f"{step}/{name}"):
        if path in state.nodes:
            return path
    raise ConfigurationError(
        f"The run {state.run_id!r:.100} has no step {step!r:.100}.",
        guidance=f"It has: {', '.join(one.name for one in state.definition.steps)}.",
    )
