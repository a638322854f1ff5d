"""Find the models that the agents of a flow use, as far as its steps name agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightagent.application.flow.agent_work import AgentWork
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.flow_work import FlowWork
from lightagent.application.flow.step_work import StepWork
from lightagent.flow import LightFlow
from lightagent.ports.models import ChatModel


def models_of(flow: LightFlow) -> Iterator[tuple[str, ChatModel]]:
    """Yield the names of a flow's agents, each with its model. Models that step functions use are not known."""
    yield from _models(flow.declared, set())


def _models(steps: Sequence[LightFlowStep], seen: set[int]) -> Iterator[tuple[str, ChatModel]]:
    for step in steps:
        for work in (step.work, step.fallback):
            if work is not None and id(work) not in seen:
                seen.add(id(work))  # A flow may be a step of itself.
                yield from _of_work(work, seen)
        yield from _models(step.body, seen)


def _of_work(work: StepWork, seen: set[int]) -> Iterator[tuple[str, ChatModel]]:
    if isinstance(work, AgentWork):
        for means in work.agents():
            yield means.name, means.model
    elif isinstance(work, FlowWork):
        yield from _models(work.steps(), seen)
