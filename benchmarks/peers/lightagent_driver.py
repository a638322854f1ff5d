"""The driver of the side-by-side benchmark for this project; the harness gives `common`, the tool and the prompts."""

import common

from lightagent import LightAgent
from lightagent.adapters.chat.openai import OpenAIChatModel

SYNC = False
models: dict[str, OpenAIChatModel] = {}
tracing = {"on": False, "spans": 0}


def build(url: str, tools: bool) -> LightAgent:
    """One agent; the client is shared by all agents of one endpoint."""
    if url not in models:
        models[url] = OpenAIChatModel(common.MODEL, api_key="x", base_url=url + "/v1")
    return LightAgent(model=models[url], instructions=common.SYSTEM, tools=[common.add] if tools else [])


async def run(agent: LightAgent, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    if tracing["on"]:
        result = await agent.arun(prompt, max_tool_iterations=max_turns, result_format="object", trace=True)
        tracing["spans"] += len(result.trace)
        return result.content
    return await agent.arun(prompt, max_tool_iterations=max_turns)


async def stream(agent: LightAgent, prompt: str):  # type: ignore[no-untyped-def]
    """The text deltas."""
    async for chunk in agent.astream(prompt):
        yield chunk.choices[0].delta.content


def trace_on():  # type: ignore[no-untyped-def]
    """Every run keeps its trace; the function counts the events."""
    tracing["on"] = True
    return lambda: tracing["spans"]
