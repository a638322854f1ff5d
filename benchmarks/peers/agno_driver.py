"""agno, without its telemetry and without a database."""

from collections.abc import AsyncIterator

import common
from agno.agent import Agent
from agno.models.openai import OpenAIChat

SYNC = False
models: dict[str, OpenAIChat] = {}


def build(url: str, tools: bool) -> Agent:
    """One agent; the agents of one endpoint share its client."""
    if url not in models:
        models[url] = OpenAIChat(id=common.MODEL, base_url=url + "/v1", api_key="x")
    return Agent(model=models[url], instructions=common.SYSTEM, tools=[common.add] if tools else None, telemetry=False)


async def run(agent: Agent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    return str((await agent.arun(prompt)).content)


async def stream(agent: Agent, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    async for event in agent.arun(prompt, stream=True):
        if event.event == "RunContent":
            yield event.content
