"""A directory of tools: what is loaded, what is refused, and that a broken file loses only its own tool."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lightagent import AsyncToolDispatcher, ConfigurationError, LightAgent, ToolLoader, ToolRegistry
from lightagent.testing import ScriptedModel, call_tool

WEATHER = '''
def get_weather(city_name: str) -> str:
    """Get the weather."""
    return f"{city_name} is sunny."


get_weather.tool_info = {
    "tool_name": "get_weather",
    "tool_title": "Weather",
    "tool_description": "Get current weather information for the specified city.",
    "tool_params": [{"name": "city_name", "description": "The city", "type": "string", "required": True}],
}
'''
TYPED = '''
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Sum:
    """The type of an answer, which looks for its module while it is made."""

    total: int


def add(x: int, y: int = 1) -> Sum:
    """Add two numbers."""
    return Sum(x + y)
'''


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "get_weather.py").write_text(WEATHER)
    (folder / "add.py").write_text(TYPED)
    return folder


def refusal(load: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load()
    return str(caught.value)


def test_a_tool_is_loaded_by_the_name_of_its_file_and_stays_the_same(directory: Path) -> None:
    loader = ToolLoader(directory)
    tool = loader.load_tool("get_weather")
    assert callable(tool)
    assert tool("Rome") == "Rome is sunny."
    assert loader.load_tool("get_weather") is tool
    assert loader.loaded_tools == {"get_weather": tool}
    assert list(loader.load_tools(["add", "get_weather"])) == ["add", "get_weather"]
    assert {path.name for path in directory.iterdir()} == {"get_weather.py", "add.py"}, "no caches are written"


async def test_what_is_loaded_can_be_registered_and_dispatched(directory: Path) -> None:
    registry = ToolRegistry()
    registry.register_tools(ToolLoader(str(directory)).load_tools().values())
    assert registry.validate_tools() == []
    dispatcher = AsyncToolDispatcher(registry)
    assert await dispatcher.dispatch("get_weather", {"city_name": "Rome"}) == "Rome is sunny."
    assert await dispatcher.dispatch("add", {"x": 1}) == '{"total": 2}'
    assert (await dispatcher.dispatch("add", {"x": "1"})).startswith("[LA-TOOL]")


def test_the_directory_is_tools_and_stays_where_it_was(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory.parent)
    loader = ToolLoader()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert callable(loader.load_tool("add"))
    assert loader.name == "tools"


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/passwd", "a/b", "a.b", "", "add.py", "a b", "1st", "add\n", "é", "..", "a\0b", "x" * 300],
)
def test_a_name_that_could_lead_elsewhere_is_refused(directory: Path, name: str) -> None:
    (directory.parent / "outside.py").write_text("def outside(): ...")
    assert "cannot be the name of a tool" in refusal(lambda: ToolLoader(directory).load_tool(name))


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
async def test_links_pipes_and_folders_are_refused_and_not_run(directory: Path) -> None:
    outside = directory.parent / "linked.py"
    outside.write_text(f"open({str(directory.parent / 'ran')!r}, 'w')\ndef linked() -> str: return ''")
    (directory / "linked.py").symlink_to(outside)
    (directory / "other.py").symlink_to(directory / "add.py")
    (directory / "folder.py").mkdir()
    os.mkfifo(directory / "pipe.py")
    loader = ToolLoader(directory)
    for name in ("linked", "other"):
        assert "symbolic link" in refusal(partial(loader.load_tool, name))
    assert "not a regular file" in refusal(lambda: loader.load_tool("pipe"))
    assert "not a regular file" in refusal(lambda: loader.load_tool("folder"))
    assert sorted((await loader.tools()).tools) == ["add", "get_weather"]
    assert not (directory.parent / "ran").exists()


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
async def test_a_directory_that_is_a_link_was_named_by_its_user(directory: Path) -> None:
    (directory.parent / "link").symlink_to(directory)
    (directory / "broken.py").write_text("\n1 / 0\n")
    loader = ToolLoader(directory.parent / "link")
    assert sorted((await loader.tools()).tools) == ["add", "get_weather"]
    assert f"{directory.parent / 'link' / 'broken.py'}:2: " in loader.problems[0]["message"]


BROKEN = {
    "syntax": ("def syntax(:\n    pass\n", ":1: The file does not run: SyntaxError"),
    "nul": ("x = 1\0\n", ": The file does not run: "),
    "division": ("\n\ndef division() -> int: ...\nx = 1 / 0\n", ":4: The file does not run: ZeroDivisionError"),
    "deep": ("def f():\n    raise KeyError('x')\nf()\n", ":2: The file does not run: KeyError"),
    "secret": (
        "raise ValueError('api_key=sk-verysecretindeed')\n",
        ":1: The file does not run: ValueError: api_key=***",
    ),
    "leaves": ("import sys\nsys.exit(3)\n", ":2: The file does not run: SystemExit: 3"),
    "cancels": ("import asyncio\nraise asyncio.CancelledError\n", ":2: The file does not run: "),
    "imports": ("import no_such_package_at_all\n", ":1: The file does not run: ModuleNotFoundError"),
    "misnamed": ("def other() -> str: ...\n", ": The file holds no function 'misnamed'"),
    "constant": ("constant = 7\n", ": The file holds no function 'constant'"),
    "untyped": ("x = 1\ndef untyped(city): ...\n", ":2: Tool 'untyped': parameter 'city' has no annotation"),
    "unresolved": ("def unresolved(x: 'Nowhere'): ...\n", ":1: Tool 'unresolved': the annotation"),
    "class_": ("class class_: ...\n", ": class_ is a class"),
    "info": ("def info(): ...\ninfo.tool_info = {'tool_name': 7}\n", ":1: "),
}


async def test_a_broken_file_loses_only_its_own_tool(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, (text, _) in BROKEN.items():
        (directory / f"{name}.py").write_text(text)
    (directory / "_helpers.py").write_text("1 / 0")
    (directory / "notes.txt").write_text("no tool")
    (directory / "not-a-name.py").write_text("def f() -> str: ...")
    loader = ToolLoader(directory)
    before = set(sys.modules)
    with caplog.at_level(logging.WARNING, "lightagent"):
        assert sorted((await loader.tools()).tools) == ["add", "get_weather"]
    problems = {problem["tool"]: problem["message"] for problem in loader.problems}
    assert sorted(problems) == sorted([*BROKEN, "not-a-name"])
    for name, (_, told) in BROKEN.items():
        assert f"{directory / f'{name}.py'}{told}" in problems[name]
        assert any(problems[name] in record.getMessage() for record in caplog.records)
        assert problems[name] in refusal(partial(loader.load_tool, name))
    assert not {name for name in set(sys.modules) - before if "division" in name}


def test_names_that_cannot_be_loaded_are_told_together(directory: Path) -> None:
    told = refusal(lambda: ToolLoader(directory).load_tools(["add", "missing", "absent"]))
    assert "2 tools cannot be loaded" in told
    assert f"{directory / 'missing.py'}: The file does not exist." in told
    assert "absent.py" in told
    assert "Expected names of tools" in refusal(lambda: ToolLoader(directory).load_tools("add"))


async def test_two_files_with_one_tool_name_are_an_error_that_names_both(directory: Path) -> None:
    (directory / "weather_too.py").write_text(
        WEATHER.replace("def get_weather", "def weather_too").replace("get_weather.tool_info", "weather_too.tool_info")
    )
    result = await LightAgent(model=ScriptedModel([]), tools=[ToolLoader(directory)]).arun("?", result_format="object")
    assert result.error is not None
    assert result.error.code == "LA-CONFIG"
    assert str(directory / "get_weather.py") in result.error.message
    assert str(directory / "weather_too.py") in result.error.message


async def test_an_agent_calls_the_tools_of_a_directory(directory: Path) -> None:
    (directory / "broken.py").write_text("1 / 0")
    model = ScriptedModel([[call_tool("get_weather", city_name="Rome"), call_tool("add", x=2, y=3)], "done"])
    result = await LightAgent(model=model, tools=[ToolLoader(directory)]).arun("?", result_format="object")
    assert [(call.name, call.output) for call in result.tool_calls] == [
        ("get_weather", "Rome is sunny."),
        ("add", '{"total": 5}'),
    ]
    assert [spec.title for spec in model.requests[0].tools] == ["", "Weather"]


async def test_as_a_source_of_named_tools_a_broken_one_is_an_error(directory: Path) -> None:
    (directory / "broken.py").write_text("\n1 / 0")
    assert list((await ToolLoader(directory, names=["add"]).tools()).tools) == ["add"]
    with pytest.raises(ConfigurationError, match=r"broken\.py:2: "):
        await ToolLoader(directory, names=["add", "broken"]).tools()


async def test_reload_reads_the_files_again_before_the_next_request(directory: Path) -> None:
    loader = ToolLoader(directory)
    model = ScriptedModel([call_tool("add", x=1), "one", call_tool("add", x=1), "two"])
    agent = LightAgent(model=model, tools=[loader])
    assert (await agent.arun("?", result_format="object")).tool_calls[0].output == '{"total": 2}'
    (directory / "add.py").write_text(TYPED.replace("x + y", "x - y"))
    (directory / "new.py").write_text("def new() -> str: ...")
    loader.reload()
    assert (await agent.arun("?", result_format="object")).tool_calls[0].output == '{"total": 0}'
    assert "new" in [spec.name for spec in model.requests[-1].tools]


async def test_a_directory_that_is_not_there_fails_the_run_with_its_place(tmp_path: Path) -> None:
    loader = ToolLoader(tmp_path / "nowhere")
    result = await LightAgent(model=ScriptedModel([]), tools=[loader]).arun("?", result_format="object")
    assert result.error is not None
    assert f"{tmp_path / 'nowhere'}: The tools directory cannot be read" in result.error.message
    (tmp_path / "nowhere").mkdir()
    assert (await loader.tools()).tools == {}


def test_a_file_is_run_once_however_often_it_is_asked_for(directory: Path) -> None:
    (directory / "once.py").write_text(
        "import threading, time\ncount = getattr(threading, '_counted', 0) + 1\nthreading._counted = count\n"
        "time.sleep(0.01)\ndef once() -> str: ...\n"
    )
    loader = ToolLoader(directory)
    threads = [threading.Thread(target=loader.load_tool, args=("once",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert vars(threading).pop("_counted") == 1


async def test_a_slow_file_does_not_hold_up_the_event_loop(directory: Path) -> None:
    (directory / "slow.py").write_text("import threading\nthreading._gate.wait(10)\ndef slow() -> str: ...\n")
    gate = vars(threading)["_gate"] = threading.Event()
    try:
        listing = asyncio.create_task(ToolLoader(directory).tools())
        await asyncio.sleep(0)
        gate.set()  # Only a loop that goes on comes here.
        assert "slow" in (await listing).tools
    finally:
        del vars(threading)["_gate"]
