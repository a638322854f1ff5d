"""What grows with the size of an agent and of a run: many tools, many turns.

    python benchmarks/scale.py

Prints CPU time of this process; the ratios tell more than the figures, since both sides were measured in one run.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import FunctionType

from lightagent import ChatRequest, Event, LightAgent, Limits, Replacement, Subject, Tool, ToolList, ToolSource, tool
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.domain.conversation.messages import AssistantMessage, Message, UserMessage
from lightagent.domain.runs.folding import apply, fold
from lightagent.ports.context import Compactor
from lightagent.testing import Reply, ScriptedModel, call_tool

TOOLS = 10_000
TURNS = 10_000
KEPT = 40

FUNCTION = '''
def tool_{number}(a: int, b: str = "x") -> str:
    """Tool number {number}.

    Args:
        a: a number.
        b: a text.
    """
    return b * a
'''


class Catalogue(ToolSource[object]):
    """Very many functions, of which ten are offered."""

    name = "catalogue"
    version = 1

    def __init__(self, tools: Mapping[str, Tool[object]]) -> None:
        self._tools = tools

    async def tools(self) -> ToolList[object]:
        return ToolList(self._tools, tuple(self._tools)[:10])

    async def aclose(self) -> None:
        """Nothing is open."""


class LastTurns(Compactor):
    """Keeps the last turns of a conversation, and a note of what was said before."""

    name = "last-turns"

    def is_due(self, messages: Sequence[Message]) -> bool:
        return len(messages) > 2 * KEPT

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement:
        cut = next(at for at in range(len(messages) - KEPT, 0, -1) if isinstance(messages[at], AssistantMessage))
        return Replacement(cut, (UserMessage("(The beginning of the conversation was left out.)"),))


@tool
async def step(number: int) -> str:
    """Take one step."""
    return f"step {number} done"


def many_tools() -> None:
    """How long it takes to make an agent of very many functions, and to its first request."""
    names: dict[str, object] = {}
    exec("".join(FUNCTION.format(number=number) for number in range(TOOLS)), names)
    functions = [one for one in names.values() if isinstance(one, FunctionType)]
    began = time.process_time()
    LightAgent(model=ScriptedModel(["Done."]), tools=functions)
    print(f"{TOOLS:,} functions: agent made in {_ms(began)}")
    began = time.process_time()
    tools = {one.name: one for one in (FunctionTool[object](function, deferred=True) for function in functions)}
    agent = LightAgent(model=ScriptedModel(["Done."]), tools=[Catalogue(tools)])
    print(f"{TOOLS:,} tools in a source, 10 offered: agent made in {_ms(began)}")
    began = time.process_time()
    agent.run("Hello.")
    print(f"{TOOLS:,} tools in a source, 10 offered: first run in {_ms(began)}")


async def many_turns() -> None:
    """What a turn costs early and late in a very long run, and what folding it costs."""
    marks: dict[int, float] = {}
    asked = 0

    def reply(request: ChatRequest) -> Reply:
        nonlocal asked
        asked += 1
        marks[asked] = time.process_time()
        return "Done." if asked > TURNS else call_tool("step", number=asked)

    agent = LightAgent(
        model=ScriptedModel(reply, record=False),
        tools=[step],
        compactor=LastTurns(),
        limits=Limits(max_tool_iterations=TURNS + 1),
    )
    result = await agent.arun_result("Go.")
    early, late = marks[200] - marks[100], marks[TURNS] - marks[TURNS - 100]
    print(f"a turn with a tool: {early * 1e4:.0f} µs at turn 100, {late * 1e4:.0f} µs at turn {TURNS:,}")
    print(f"  late to early: {late / early:.2f}")
    events = result.journal.events
    early, late = _fold_cost(events, 1_000), _fold_cost(events, len(events) - 1_000)
    print(
        f"folding an event: {early:.2f} µs early, {late:.2f} µs late: {late / early:.2f} times; {len(events):,} events"
    )


def _fold_cost(events: Sequence[Event], first: int) -> float:
    run = fold(events[:first])
    best = float("inf")
    for _ in range(5):
        state, began = run, time.process_time()
        for event in events[first : first + 900]:
            state = apply(state, event)
        best = min(best, time.process_time() - began)
    return best / 900 * 1e6


def _ms(began: float) -> str:
    return f"{(time.process_time() - began) * 1e3:.1f} ms"


if __name__ == "__main__":
    many_tools()
    asyncio.run(many_turns())
