"""What declaring and calling costs, in calls of functions: those are the same on every machine."""

import subprocess
import sys
import threading

from lightagent import LightAgent, RunContext
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tools.function_tool import as_tool
from lightagent.testing import ScriptedModel
from tests.support.costs import CallCount, count_calls, most_memory

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
heavy = {"pydantic", "griffe", "jsonschema"} & sys.modules.keys()
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


def test_declaring_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_known_function_is_a_tool_in_no_time_and_space() -> None:
    as_tool(get_weather)
    assert count_calls(lambda: as_tool(get_weather)) < 30
    assert most_memory(lambda: [as_tool(get_weather) for _ in range(1_000)]) < 200 * 1_000


def test_an_agent_with_known_tools_is_made_in_no_time() -> None:
    model = ScriptedModel([])

    def make() -> None:
        LightAgent(model=model, tools=[look], deps_type=Shop)

    def make_with_a_stranger() -> None:
        def seek(ctx: RunContext[Shop], item: str) -> str:
            """Seek an item."""
            return item

        LightAgent(model=model, tools=[seek], deps_type=Shop)

    make()
    assert count_calls(make) < 150
    assert count_calls(make) * 3 < count_calls(make_with_a_stranger), "the tool is looked at again"


def test_checking_arguments_is_cheap() -> None:
    tool = as_tool(get_weather)
    tool.check({"city": "Rome", "days": 2})
    assert count_calls(lambda: tool.check({"city": "Rome", "days": 2})) < 40


async def test_a_hop_to_a_thread_and_back_is_cheap() -> None:
    hops = 100

    async def hop() -> set[int]:
        return {await run_in_thread(threading.get_ident) for _ in range(hops)}

    (before,) = {await run_in_thread(threading.get_ident)}
    calls = CallCount()
    with calls:
        threads = await hop()
    assert threads == {before}, "a thread is made for it"
    assert calls.count < 300 * hops
