"""Flows and an agent of lightagent on Temporal."""

from __future__ import annotations

from itertools import pairwise

from common import SYSTEM
from peers.temporal_runs import ANSWER, LAYERS, QUESTION, Driver, main, outcome

from lightagent import LightAgent, LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.orders import workflow_id
from lightagent.application.flow.step_context import StepContext
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.scopes import Scope
from lightagent.flow_worker import FlowWorker
from lightagent.ports.flow_engine import FlowRun
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool

BEFORE = {name: layer for layer, after in pairwise(LAYERS) for name in after}


async def step(query: str, context: StepContext) -> str:
    """What every step does: nothing but tell what came before it."""
    return outcome(context.path, [name for name in context.outputs if name in BEFORE.get(context.path, ())])


def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: its name
    """
    return f"It rains in {city}."


def clock(city: str) -> str:
    """The time in a city.

    Args:
        city: its name
    """
    return f"It is noon in {city}."


def reply(request: ChatRequest) -> str | ToolCall:
    """Calls one tool after the other, and then answers."""
    results = sum(isinstance(message, ToolMessage) for message in request.messages)
    return ANSWER if results == 2 else call_tool(("weather", "clock")[results], city="Berlin")


def flows(address: str) -> dict[str, LightFlow]:
    """The flow of each scenario."""
    engine = TemporalEngine(Place(address, "default"))
    dag = LightFlow(name="dag", engine=engine)
    for name in (name for layer in LAYERS for name in layer):
        dag.step(name, agent=step, depends_on=BEFORE.get(name, ()))
    agent = LightAgent(model=ScriptedModel(reply, record=False), tools=[weather, clock], instructions=SYSTEM)
    return {"dag": dag, "agent": LightFlow(name="agent", engine=engine).step("work", agent=agent)}


async def work(address: str) -> None:
    """Take work of both flows."""
    await FlowWorker(list(flows(address).values())).arun()


async def connect(address: str) -> Driver:
    """Runs are had as callers have them."""
    declared = flows(address)

    async def run(scenario: str, run_id: str) -> str:
        result = await declared[scenario].arun(QUESTION, run_id=run_id)
        return str(result.content)

    return Driver(run, lambda run_id: workflow_id("", FlowRun(Scope(), run_id)))


if __name__ == "__main__":
    main(work, connect)
