"""This project. It makes no effort: what a reader of its README would write."""

from collections.abc import AsyncIterator, Callable

import common

from lightagent import LightAgent
from lightagent.adapters.chat.openai import OpenAIChatModel

SYNC = False
models: dict[str, OpenAIChatModel] = {}
traces: list[int] = []
settings = {"trace": False}


def build(url: str, tools: bool) -> LightAgent:
    """One agent; the agents of one endpoint share its client."""
    if url not in models:
        models[url] = OpenAIChatModel(common.MODEL, api_key="x", base_url=url + "/v1")
    return LightAgent(model=models[url], instructions=common.SYSTEM, tools=[common.add] if tools else [])


async def run(agent: LightAgent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    if not settings["trace"]:
        return await agent.arun(prompt, max_tool_iterations=max_turns)
    result = await agent.arun_result(prompt, max_tool_iterations=max_turns, trace=True)
    traces.append(len(result.trace))
    return result.content


async def stream(agent: LightAgent, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    async for chunk in agent.astream(prompt):
        yield chunk.choices[0].delta.content


def trace_on() -> Callable[[], int]:
    """From now on every run keeps its trace; gives a function that counts the events."""
    settings["trace"] = True
    return lambda: sum(traces)
