"""pydantic-ai's `TemporalAgent`, as its documentation shows it."""

from __future__ import annotations

import warnings

from common import SYSTEM
from pydantic_ai import Agent
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin, PydanticAIWorkflow, TemporalAgent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from peers.temporal_runs import ANSWER, QUESTION, Driver, main

QUEUE = "pydantic-ai"


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


def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Calls one tool after the other, and then answers."""
    results = sum(isinstance(part, ToolReturnPart) for message in messages for part in message.parts)
    part = TextPart(ANSWER) if results == 2 else ToolCallPart(("weather", "clock")[results], {"city": "Berlin"})
    return ModelResponse(parts=[part])


async def areply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """The same, in the event loop."""
    return reply(messages, info)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It says that a later version replaces it.
    agent = TemporalAgent(Agent(FunctionModel(areply), name="weather", instructions=SYSTEM, tools=[weather, clock]))


@workflow.defn
class AgentWorkflow(PydanticAIWorkflow):
    """One run of the agent."""

    __pydantic_ai_agents__ = (agent,)

    @workflow.run
    async def run(self, query: str) -> str:
        result = await agent.run(query)
        return str(result.output)


async def work(address: str) -> None:
    """Take work."""
    client = await Client.connect(address, plugins=[PydanticAIPlugin()])
    await Worker(client, task_queue=QUEUE, workflows=[AgentWorkflow]).run()


async def connect(address: str) -> Driver:
    """Runs are had as callers have them."""
    client = await Client.connect(address, plugins=[PydanticAIPlugin()])

    async def run(scenario: str, run_id: str) -> str:
        ident = f"{QUEUE} {run_id}"
        result: str = await client.execute_workflow(AgentWorkflow.run, QUESTION, id=ident, task_queue=QUEUE)
        return result

    return Driver(run, lambda run_id: f"{QUEUE} {run_id}")


if __name__ == "__main__":
    main(work, connect)
