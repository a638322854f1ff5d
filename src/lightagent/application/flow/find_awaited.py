"""The requests of a run that people have yet to answer: about its steps, and within nested agents and flows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lightagent.application.flow.awaited import Awaited
from lightagent.application.flow.flow_reviews import FlowReviews, waiting_nodes
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.state import FlowState


def awaited_in(state: FlowState, steps: Mapping[str, LightFlowStep], reviews: FlowReviews | None) -> Iterator[Awaited]:
    """The requests that are open in a run, at any depth.

    Args:
        steps: those of the flow, by what names their work.
        reviews: where people are asked about steps.
    """
    if reviews is not None:
        for node in waiting_nodes(state):
            yield reviews.awaited(state, node)
    for node in state.nodes.values():
        if node.status == "running" and node.notes:
            yield from awaited_within(node, steps, reviews)


def awaited_within(node: Node, steps: Mapping[str, LightFlowStep], reviews: FlowReviews | None) -> tuple[Awaited, ...]:
    """The requests that are open within an attempt."""
    step = steps.get(node.step.work or declared_path(node.path))
    return () if step is None or not node.notes else step.work.awaited(node.notes, reviews)
