"""What the README calls unchanged since the 0.9 line, and what the programs of that line do with names we export.

The programs are strings: what a checker says of them is not the point, and they are run as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from openai.types.chat import ChatCompletionChunk

import lightagent
from lightagent.testing import ScriptedModel, call_tool

README: Final = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

WEATHER: Final = """
def get_weather(city_name: str) -> str:
    return f"{city_name} is sunny."

get_weather.tool_info = {
    "tool_name": "get_weather",
    "tool_title": "Weather",
    "tool_description": "Get current weather information for the specified city.",
    "tool_params": [
        {"name": "city_name", "description": "The city", "type": "str", "required": True},
    ],
}
"""

PROGRAMS: Final = {
    "the import name `LightAgent`": """
import LightAgent as module
from LightAgent import LightAgent, LightSwarm, MemoryPolicy, ToolRegistry, __version__
assert module.LightAgent is LightAgent and __version__
""",
    "the options of the parts that exist": """
from LightAgent import LightAgent, MemoryPolicy, SharedMemoryPool

agent = LightAgent(
    name="a", instructions="Be brief.", role="A clerk.", model=model, api_key=None, base_url=None, provider=None,
    websocket_base_url=None, memory=SharedMemoryPool(agent_name="a"), memory_policy=MemoryPolicy(namespace="t"),
    memory_namespace=None, tree_of_thought=False, tot_model=None, tot_api_key=None, tot_base_url=None,
    filter_tools=True, self_learning=False, tools=None, skills_directories=None, auto_discover_skills=False,
    input_guardrails=None, tool_guardrails=None, output_guardrails=None, hooks=None, debug=False, log_level="ERROR",
    log_file=None, tracetools=None,
)
said = agent.run(
    "Hello", tools=None, light_swarm=None, stream=False, max_retry=10, max_tool_iterations=None, user_id="u",
    history=None, metadata=None, use_skills=True, result_format="str", trace=False, parent_trace_id=None,
    run_group_id=None, approval_id=None,
)
assert said == "Done.", said
""",
    "`tool_info`": WEATHER
    + """
from LightAgent import LightAgent
agent = LightAgent(model=calling, tools=[get_weather])
result = agent.run("Weather?", result_format="object", trace=True)
assert [call.output for call in result.tool_calls] == ["Oslo is sunny."]
assert str(result) == result.content == "Done."
assert agent.get_tool("get_weather") and agent.validate_tools() == []
assert [event["type"] for event in agent.export_trace()][0] == "run_start"
""",
    "OpenAI-form chunks": """
from LightAgent import LightAgent
chunks = list(LightAgent(model=model).run("Hello", stream=True))
assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Done."
kept.extend(chunks)
""",
    "`ToolRegistry`": WEATHER
    + """
from LightAgent.tools import ToolRegistry

first = get_weather
registry = ToolRegistry()
assert registry.register_tool(get_weather) is True
assert registry.register_tools([get_weather]) is True
assert ToolRegistry.validate_tool_info({"tool_name": "x"}) != []
assert ToolRegistry.validate_tool_info(get_weather.tool_info) == []
assert registry.validate_tools() == []

def other(city_name: str) -> str:
    return "rain"

other.tool_info = dict(get_weather.tool_info)
registry.register_tool(other)
assert registry.function_mappings["get_weather"] is other
assert [problem["level"] for problem in registry.validate_tools()] == ["warning"]
(schema,) = registry.get_tools()
assert schema["function"]["name"] == "get_weather"
assert registry.filter_tools('{"tools": [{"name": "get_weather"}]}') == [schema]
assert "get_weather" in registry.get_tools_str()
""",
    "`ToolLoader`": """
import pathlib
from LightAgent import ToolLoader
pathlib.Path("tools").mkdir()
pathlib.Path("tools/rain.py").write_text('''
def rain(city: str) -> str:
    return "rain"

rain.tool_info = {"tool_name": "rain", "tool_description": "Rain.", "tool_params": [
    {"name": "city", "description": "Where", "type": "string", "required": True}]}
''')
loader = ToolLoader("tools")
assert list(loader.load_tools(["rain"])) == ["rain"]
from LightAgent import LightAgent
assert LightAgent(model=model, tools=["rain"]).get_tool("rain")
""",
    "`AsyncToolDispatcher`": WEATHER
    + """
import asyncio
from LightAgent import AsyncToolDispatcher, ToolRegistry

registry = ToolRegistry()
registry.register_tool(get_weather)
for dispatcher in (
    AsyncToolDispatcher({"get_weather": get_weather}, {"get_weather": get_weather.tool_info}),
    AsyncToolDispatcher(function_mappings=registry.function_mappings, function_info=registry.function_info),
    AsyncToolDispatcher(registry),
):
    assert asyncio.run(dispatcher.dispatch("get_weather", {"city_name": "Oslo"})) == "Oslo is sunny."
    assert asyncio.run(dispatcher.dispatch("nothing", {})).startswith("[LA-TOOL]")
    assert asyncio.run(dispatcher.dispatch("get_weather", {"city_name": 5})).startswith("[LA-TOOL]")
""",
}
"""A program for each thing that the README calls unchanged."""

NAMES: Final = {
    "a code first": """
from LightAgent import LightAgentError
error = LightAgentError("LA-413", details="the report")
assert error.code == "LA-413" and str(error).startswith("[LA-413]") and "the report" in str(error)
error = LightAgentError("LA-TOOL", "It rains.", "Wait.", {"city": "Oslo"})
assert (error.code, error.message, error.guidance) == ("LA-TOOL", "It rains.", "Wait.")
""",
    "any exception as text": """
from LightAgent import classify_exception, format_error_code, format_lightagent_error
assert classify_exception(ValueError("x")).code == "LA-UNKNOWN"
assert classify_exception(ValueError("x"), "LA-TOOL").code == "LA-TOOL"
assert classify_exception(ValueError("x"), default_code="nothing").code == "LA-UNKNOWN"
text = format_lightagent_error(ValueError("x"), "run agent")
assert text.startswith("[LA-UNKNOWN] run agent") and "x" in text
assert format_lightagent_error(TimeoutError()).startswith("[LA-408]")
assert format_error_code("LA-413") == "[LA-413]"
assert format_error_code("LA-413", "the report").endswith("the report")
""",
    "results and events as text": """
from LightAgent import LightAgent
assert str(LightAgent(model=model).run("Hello", result_format="object")) == "Done."
for event in LightAgent(model=model).run("Hello", stream=True, result_format="event"):
    assert str(event)
""",
}
"""What else programs of the 0.9 line do with names that we export."""


def replies(request: lightagent.ChatRequest) -> str | lightagent.testing.Reply:
    return "Done." if request.messages[-1].role == "tool" else call_tool("get_weather", city_name="Oslo")


@pytest.fixture
def run_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[object]]:
    monkeypatch.chdir(tmp_path)

    def run(program: str) -> list[object]:
        kept: list[object] = []
        exec(program, {"model": ScriptedModel(lambda _: "Done."), "calling": ScriptedModel(replies), "kept": kept})
        return kept

    return run


def test_the_readme_lists_what_is_tried_here() -> None:
    (listed,) = re.findall(r"^Unchanged: (.+?)\. Different, on purpose:$", README, re.MULTILINE)
    assert set(listed.split(", ")) == set(PROGRAMS)


@pytest.mark.openai
@pytest.mark.parametrize("what", PROGRAMS)
def test_what_the_readme_calls_unchanged(run_program: Callable[[str], list[object]], what: str) -> None:
    for chunk in run_program(PROGRAMS[what]):
        assert isinstance(chunk, lightagent.ChatCompletionChunk)
        ChatCompletionChunk.model_validate(chunk.model_dump())


@pytest.mark.parametrize("what", NAMES)
def test_names_that_programs_use(run_program: Callable[[str], list[object]], what: str) -> None:
    run_program(NAMES[what])
