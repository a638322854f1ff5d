"""Synchronous tools of real agents and the threads they run in: agents that call agents, and tools that never end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from lightagent import LightAgent
from lightagent.aiokits.worker_threads import WorkerThreads
from lightagent.application.tools import call_function
from lightagent.application.tools.function_tool import as_tool
from lightagent.testing import ScriptedModel, call_tool
from tests.support.patience import PATIENCE, Gate, eventually


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> WorkerThreads:
    """Two threads for the tools of this process, where there are usually 256."""
    two = WorkerThreads(most=2)
    monkeypatch.setattr(call_function, "run_in_thread", two.run)
    monkeypatch.setattr(call_function, "run_in_thread_at", two.run_at)
    return two


def agent_of(tool: Callable[[], object], times: int = 1) -> LightAgent[None, str]:
    """An agent that calls its tool, several times at once, and then says what it was answered."""
    calls = [call_tool(as_tool(tool).name)] * times
    model = ScriptedModel([calls, lambda request: f"told: {request.messages[-1].content}"])
    return LightAgent(model=model, tools=[tool])


@pytest.mark.parametrize("stream", [False, True], ids=["run", "streamed"])
def test_tools_that_hold_every_thread_can_run_agents_that_have_such_tools(threads: WorkerThreads, stream: bool) -> None:
    together = threading.Barrier(2)

    def look_up() -> str:
        """Look it up."""
        return "found"

    def ask_another() -> str:
        """Ask another agent."""
        together.wait(PATIENCE)  # from here on both threads are taken
        other = agent_of(look_up)
        if not stream:
            return other.run("?")
        return "".join(chunk.choices[0].delta.content or "" for chunk in other.run("?", stream=True) if chunk.choices)

    result = agent_of(ask_another, times=2).run("?", result_format="object")
    assert [call.output for call in result.tool_calls] == ["told: found"] * 2
    assert threads.abandoned == 0


def test_agents_nest_three_deep(threads: WorkerThreads) -> None:
    def agent(depth: int) -> LightAgent[None, str]:
        def go_down() -> str:
            """Go down."""
            return agent(depth - 1).run("?") if depth else "bottom"

        return agent_of(go_down, times=2)

    assert agent(3).run("?") == "told: told: told: told: bottom"
    assert threads.abandoned == 0


async def test_when_hung_tools_hold_every_thread_the_model_is_told(threads: WorkerThreads) -> None:
    gate = Gate()

    def hang() -> str:
        """Hang."""
        return gate()

    def quick() -> str:
        """Answer."""
        return "answered"

    async def quick_async() -> str:
        """Answer."""
        return "answered"

    async def give_up_a_hung_call() -> None:
        begun = gate.begun
        run = asyncio.create_task(agent_of(hang).arun("?"))
        assert await eventually(lambda: gate.begun > begun)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    for _ in range(4):
        assert await agent_of(quick).arun("?") == "told: answered"
        await give_up_a_hung_call()
    result = await agent_of(quick).arun("?", result_format="object")
    (call,) = result.tool_calls
    told = "[LA-TOOL] quick failed: NoThreadLeft: 4 hung calls occupy every worker thread, so this one was not begun."
    assert (call.status, str(call.output)[: len(told)]) == ("failed", told)
    assert result.content == f"told: {call.output}"
    assert await agent_of(quick_async).arun("?") == "told: answered"
    gate.open()
    assert await eventually(lambda: threads.abandoned == 0)
    assert await agent_of(quick).arun("?") == "told: answered"
