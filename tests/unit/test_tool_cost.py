"""What declaring and calling costs; the bounds are loose, so that a busy machine passes and a mistake does not."""

import asyncio
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

from lightagent import LightAgent, RunContext
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tools.function_tool import as_tool
from lightagent.testing import ScriptedModel

LIGHT = """
import sys
import lightagent.application.tools.decorator
import lightagent.application.tools.registry
from lightagent.application.tools.function_tool import as_tool

def get_weather(city: str, days: int = 1) -> str:
    "Get it.\\n\\nArgs:\\n    city: The city."
    return city

def legacy(x):
    return x

legacy.tool_info = {"tool_name": "legacy", "tool_description": "d", "tool_params": [{"name": "x", "type": "int"}]}
as_tool(get_weather)
as_tool(legacy).spec
heavy = {"pydantic", "griffe", "jsonschema", "stamina"} & sys.modules.keys()
assert not heavy, heavy
as_tool(get_weather).spec
as_tool(legacy).check({"x": 1})
assert {"pydantic", "griffe", "jsonschema"} <= sys.modules.keys()
"""


def get_weather(city: str, days: int = 3) -> str:
    """Get the weather."""
    return f"{city} {days}"


class Shop:
    """What a tool needs."""


def look(ctx: RunContext["Shop"], item: str) -> str:
    """Look for an item."""
    return item


def best_of(function: Callable[[], object], times: int, rounds: int = 5) -> float:
    """Seconds of CPU a call, in the best of a few rounds."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            function()
        found.append((time.process_time() - began) / times)
    return min(found)


def test_declaring_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_known_function_is_a_tool_in_no_time_and_space() -> None:
    assert best_of(lambda: as_tool(get_weather), 1_000) < 3e-6
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = [as_tool(get_weather) for _ in range(1_000)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(kept) < 200


def test_an_agent_with_known_tools_is_made_in_no_time() -> None:
    model = ScriptedModel([])
    assert best_of(lambda: LightAgent(model=model, tools=[look], deps_type=Shop), 1_000) < 15e-6


def test_checking_arguments_is_cheap() -> None:
    tool = as_tool(get_weather)
    assert best_of(lambda: tool.check({"city": "Rome", "days": 2}), 500) < 50e-6


def test_a_hop_to_a_thread_and_back_is_cheap() -> None:
    async def hops() -> float:
        await run_in_thread(int)
        began = time.process_time()
        for _ in range(1_000):
            await run_in_thread(int)
        return (time.process_time() - began) / 1_000

    assert min(asyncio.run(hops()) for _ in range(3)) < 150e-6
