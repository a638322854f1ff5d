"""langgraph, by the agent of langchain and langchain-openai; traced by its own collector."""

from collections.abc import AsyncIterator, Callable

import common
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

SYNC = False
models: dict[str, ChatOpenAI] = {}
callbacks: list[object] = []


def build(url: str, tools: bool) -> CompiledStateGraph:
    """One agent; the agents of one endpoint share its client."""
    if url not in models:
        models[url] = ChatOpenAI(model=common.MODEL, base_url=url + "/v1", api_key=SecretStr("x"))
    return create_agent(models[url], [common.add] if tools else [], system_prompt=common.SYSTEM)


async def run(agent: CompiledStateGraph, prompt: str, max_turns: int = 10) -> str:
    """One fresh conversation."""
    config = {"recursion_limit": 4 * max_turns + 10, "callbacks": callbacks}
    state = await agent.ainvoke({"messages": [("user", prompt)]}, config)
    return str(state["messages"][-1].content)


async def stream(agent: CompiledStateGraph, prompt: str) -> AsyncIterator[str | None]:
    """The text, piece by piece."""
    async for chunk, _ in agent.astream({"messages": [("user", prompt)]}, stream_mode="messages"):
        yield chunk.content


def trace_on() -> Callable[[], int]:
    """From now on every run is traced; gives a function that counts the spans."""
    from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
    from langchain_core.tracers.schemas import Run

    collector = RunCollectorCallbackHandler()
    callbacks.append(collector)

    def size(span: Run) -> int:
        return 1 + sum(size(child) for child in span.child_runs)

    return lambda: sum(size(span) for span in collector.traced_runs)
