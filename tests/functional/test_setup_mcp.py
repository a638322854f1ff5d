"""`setup_mcp` and `load_tools`: an agent is given more tools, for runs that start afterwards."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

import pytest

from lightagent import ConfigurationError, JsonObject, LightAgent
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.domain.mcp.faults import McpUnavailable
from lightagent.domain.mcp.servers import McpServer, StdioServer
from lightagent.ports.tools import ToolList
from lightagent.testing import ScriptedModel, call_tool

ROOT = str(Path(__file__).parents[2])
FAULTY: JsonObject = {"command": sys.executable, "args": ["-m", "tests.servers.mcp.stdio_server"], "cwd": ROOT}


def setting(**servers: JsonObject) -> dict[str, object]:
    return {"mcpServers": servers}


def offered(model: ScriptedModel, request: int = -1) -> list[str]:
    return [tool.name for tool in model.requests[request].tools]


async def test_tools_of_a_server_are_offered_and_called() -> None:
    model = ScriptedModel([call_tool("one__echo", text="hello"), "Done."])
    agent = LightAgent(model=model)
    try:
        names = await agent.setup_mcp(mcp_setting=setting(one=FAULTY))
        result = await agent.arun("Say hello.", result_format="object")
    finally:
        await agent.aclose()

    assert "one__echo" in names
    assert "one__beyond_repair" not in names
    assert offered(model) == names
    assert [(call.name, call.status) for call in result.tool_calls] == [("one__echo", "ok")]
    assert "hello" in str(result.tool_calls[0].output)


def test_a_program_that_is_not_async_sets_up_in_a_loop_of_its_own() -> None:
    model = ScriptedModel([call_tool("one__echo", text="hello"), "Done."])
    agent = LightAgent(model=model)
    asyncio.run(agent.setup_mcp(mcp_setting=setting(one=FAULTY)))
    result = agent.run("Say hello.", result_format="object")
    agent.close()

    assert result.tool_calls[0].status == "ok"


async def test_two_servers_with_the_same_tools_do_not_clash() -> None:
    model = ScriptedModel([call_tool("one__echo", text="a"), call_tool("two__echo", text="b"), "Done."])
    agent = LightAgent(model=model)
    try:
        await agent.setup_mcp(setting(one=FAULTY))
        await agent.setup_mcp(
            [
                McpServer(
                    "two", StdioServer(sys.executable, ("-m", "tests.servers.mcp.stdio_server"), cwd=ROOT), ("echo",)
                )
            ]
        )
        result = await agent.arun("Go.", result_format="object")
    finally:
        await agent.aclose()

    assert [call.status for call in result.tool_calls] == ["ok", "ok"]
    assert [name for name in offered(model) if name.startswith("two__")] == ["two__echo"]


async def test_the_same_server_again_is_no_error_and_another_of_its_name_is() -> None:
    agent = LightAgent(model=ScriptedModel(["Done."]))
    try:
        await agent.setup_mcp(setting(one=FAULTY))
        assert await agent.setup_mcp(setting(one=FAULTY)) == []
        with pytest.raises(ConfigurationError, match="another MCP server that is called 'one'"):
            await agent.setup_mcp(setting(one={**FAULTY, "tools": ["echo"]}))
        assert await agent.arun("Hello") == "Done."
    finally:
        await agent.aclose()


async def test_a_name_that_is_taken_names_both_sources_and_changes_nothing() -> None:
    def one__echo(text: str) -> str:
        """Echo."""
        return text

    model = ScriptedModel(["Done."])
    agent = LightAgent(model=model, tools=[one__echo])
    try:
        with pytest.raises(ConfigurationError) as raised:
            await agent.setup_mcp(setting(one=FAULTY))
        await agent.arun("Hello")
    finally:
        await agent.aclose()

    assert "'one__echo' is the name of a tool in the agent's own tools and in the source 'one'" in str(raised.value)
    assert offered(model) == ["one__echo"]


async def test_a_required_server_that_is_down_is_an_error_and_an_optional_one_is_not() -> None:
    model = ScriptedModel(["Done."])
    agent = LightAgent(model=model)
    down: JsonObject = {"url": "http://127.0.0.1:9/mcp"}
    try:
        with pytest.raises(McpUnavailable, match="MCP server 'down'"):
            await agent.setup_mcp(setting(one=FAULTY, down=down))
        assert await agent.setup_mcp(setting(down={**down, "required": False})) == ["down__unavailable"]
        await agent.arun("Hello")
    finally:
        await agent.aclose()

    assert offered(model) == ["down__unavailable"]


async def test_a_server_that_is_lost_during_the_setup_is_not_added(monkeypatch: pytest.MonkeyPatch) -> None:
    listings = 0
    list_tools = McpTools.tools

    async def tools(source: McpTools) -> ToolList[object]:
        nonlocal listings
        listings += 1
        if listings > 1:
            raise McpUnavailable(source.name, "it has ended.")
        return await list_tools(source)

    monkeypatch.setattr(McpTools, "tools", tools)
    model = ScriptedModel(["Done."])
    agent = LightAgent(model=model)
    try:
        with pytest.raises(McpUnavailable):
            await agent.setup_mcp(setting(one=FAULTY))
        await agent.arun("Hello")
    finally:
        await agent.aclose()

    assert offered(model) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "mcp_setting: The object mcpServers is missing."),
        ({"mcpServers": {"a": {"command": "no-such-program"}}}, "The program 'no-such-program' was not found."),
        ({"mcpServers": {"a": {}}}, "mcp_setting: mcpServers.a: A server has either a command or a url"),
        ({"mcpServers": {"a": {"url": "x", "headers": {"A": "b\nc"}}}}, "2 problems"),
        ("missing.json", "missing.json: MCP servers cannot be read from it"),
        (["one"], "expected {'mcpServers': {…}}, a path or servers, got a str"),
    ],
)
async def test_a_wrong_setting_is_an_error_that_says_what_to_write(given: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await LightAgent(model=ScriptedModel([])).setup_mcp(given)

    assert told in str(raised.value)


async def test_a_file_of_another_client_is_taken_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / ".mcp.json"
    path.write_text(json.dumps(setting(one=FAULTY)))
    agent = LightAgent(model=ScriptedModel([]))
    try:
        assert "one__echo" in await agent.setup_mcp(path)
    finally:
        await agent.aclose()


async def test_a_run_that_is_under_way_keeps_its_tools(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text('def late() -> str:\n    "Come late."\n    return "late"\n')

    async def add_more() -> str:
        """Give the agent more tools."""
        agent.load_tools(["late"], tmp_path)
        await agent.setup_mcp(setting(one=FAULTY))
        return "added"

    model = ScriptedModel([call_tool("add_more"), "First.", "Second."])
    agent = LightAgent(model=model, tools=[add_more])
    try:
        assert await agent.arun("Add more.") == "First."
        assert await agent.arun("And now?") == "Second."
    finally:
        await agent.aclose()

    assert offered(model, 1) == ["add_more"]
    assert offered(model, 2)[:2] == ["add_more", "late"]
    assert "one__echo" in offered(model, 2)


def test_tools_are_loaded_by_name_from_the_agents_directory(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(f'def {name}() -> str:\n    "Do it."\n    return "{name}"\n')
    agent = LightAgent(model=ScriptedModel([]), tools=["first"], tools_directory=tmp_path)

    assert agent.load_tools(["second"]) == ["second"]
    assert agent.load_tools("second") == ["second"]
    assert list(agent.means.catalogue.own) == ["first", "second"]
    assert agent.validate_tools() == []


def test_a_tool_of_another_origin_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "double.py").write_text('def double(x: int) -> int:\n    "Double."\n    return 2 * x\n')

    def double(x: int) -> int:
        """Double."""
        return x + x

    agent = LightAgent(model=ScriptedModel([]), tools=[double])
    with pytest.raises(ConfigurationError, match="'double' is the name of a tool that the agent has already"):
        agent.load_tools(["double"], tmp_path)
    with pytest.raises(ConfigurationError, match="missing"):
        agent.load_tools(["missing"], tmp_path)

    assert len(agent.get_tools()) == 1


def test_threads_that_load_at_once_lose_no_tool(tmp_path: Path) -> None:
    names = [f"tool_{number}" for number in range(20)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(f'def {name}() -> str:\n    "Do it."\n    return "{name}"\n')
    agent = LightAgent(model=ScriptedModel(["ok"] * 20))
    begin = threading.Barrier(20)

    def load(name: str) -> None:
        begin.wait(10)
        agent.load_tools([name], tmp_path)
        agent.run("Hello")

    threads = [threading.Thread(target=load, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert set(names) == set(agent.means.catalogue.own)


async def test_servers_that_are_set_up_at_once_are_all_there() -> None:
    agent = LightAgent(model=ScriptedModel(["Done."]))
    try:
        await asyncio.gather(*(agent.setup_mcp(setting(**{name: FAULTY})) for name in ("a", "b", "c", "a")))
        names = {source.name for source in agent.means.catalogue.sources}
    finally:
        await agent.aclose()

    assert names == {"a", "b", "c"}
    assert len(agent.means.catalogue.sources) == 3


async def test_headers_may_be_a_function_in_the_setting() -> None:
    asked: list[str] = []

    def headers() -> dict[str, str]:
        asked.append("asked")
        return {"Authorization": "Bearer x"}

    agent = LightAgent(model=ScriptedModel([]))
    with pytest.raises(McpUnavailable):
        await agent.setup_mcp({"mcpServers": {"web": {"url": "http://127.0.0.1:9/mcp", "headers": headers}}})

    assert asked
