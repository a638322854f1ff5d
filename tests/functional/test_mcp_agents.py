"""Agents with the tools of MCP servers: real ones and the faulty one, over real transports."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequiredTools,
    ConfigurationError,
    FilteredTools,
    HumanApprovalHook,
    LightAgent,
    PrefixedTools,
    RunResult,
    ToolSource,
    sensitive_tool_confirmation_guardrail,
)
from lightagent.adapters.chat.scripted import Reply
from lightagent.application.tool_sources import mcp_tools as mcp_source
from lightagent.compose.mcp import mcp_tools
from lightagent.domain.mcp.servers import McpServer, StdioServer
from lightagent.domain.scopes import Scope
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.child import free_port
from tests.servers.leaks import LeakCheck
from tests.support.mcp_servers import effects, http_process, http_server, stdio_server

TIME = McpServer("time", StdioServer(sys.executable, ("-m", "mcp_server_time")))


def agent_with(*sources: ToolSource[object], replies: Sequence[Reply]) -> LightAgent:
    return LightAgent(model=ScriptedModel(list(replies)), tools=list(sources))


async def result_of(agent: LightAgent, user: str = "") -> RunResult[str]:
    return await agent.arun("?", result_format="object", user_id=user)


def outputs(result: RunResult[str]) -> list[str | None]:
    return [call.output for call in result.tool_calls]


async def test_an_agent_lists_and_calls_servers_of_two_kinds(leaks: LeakCheck, tmp_path: Path) -> None:
    with http_process(tmp_path, "--modern") as child:
        agent = agent_with(
            mcp_tools(TIME),
            mcp_tools(http_server(child.url)),
            replies=[
                [call_tool("time__convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo")],
                [call_tool("faulty__echo", text="hello"), call_tool("faulty__fail"), call_tool("faulty__image")],
                "done",
            ],
        )
        result = await result_of(agent)
        assert result.content == "done"
        tokyo, hello, failed, image = outputs(result)
        assert tokyo is not None
        assert "21:00" in tokyo
        assert hello == "hello"
        assert failed is not None
        assert failed.startswith("[LA-TOOL] faulty__fail failed: out of paper")
        assert image is not None
        assert "image/png" in image
        assert "note://1" in image
        await agent.aclose()


async def test_arguments_are_checked_against_the_schema_of_the_server(leaks: LeakCheck, tmp_path: Path) -> None:
    marks = tmp_path / "effects"
    agent = agent_with(
        mcp_tools(stdio_server("--effects", str(marks))),
        replies=[[call_tool("faulty__effect", text=5), call_tool("faulty__effect", txt="x")], "done"],
    )
    wrong, unknown = outputs(await result_of(agent))
    assert wrong is not None
    assert "'text'" in wrong or "text" in wrong
    assert unknown is not None
    assert "did you mean 'text'" in unknown
    assert effects(marks) == []
    await agent.aclose()


async def test_a_lost_call_is_a_text_for_the_model_and_has_one_effect(leaks: LeakCheck, tmp_path: Path) -> None:
    marks = tmp_path / "effects"
    agent = agent_with(
        mcp_tools(stdio_server("--effects", str(marks))),
        replies=[[call_tool("faulty__die")], [call_tool("faulty__echo", text="again")], "done"],
    )
    lost, again = outputs(await result_of(agent))
    assert lost is not None
    assert lost.startswith("[LA-TOOL] MCP server 'faulty': the connection was lost")
    assert "do not make it again" in lost
    assert again == "again"
    assert effects(marks) == ["die"]
    await agent.aclose()


async def test_what_a_server_says_during_a_call_is_seen_in_the_run(leaks: LeakCheck) -> None:
    agent = agent_with(mcp_tools(stdio_server()), replies=[[call_tool("faulty__steps")], "done"])
    async with agent.astream("?", result_format="event") as events:
        seen = [event async for event in events]
    notes = [str(event.data) for event in seen if event.type == "note"]
    assert [text in note for text, note in zip(("step 1", "step 2", "almost done"), notes, strict=True)] == [True] * 3
    await agent.aclose()


async def test_a_required_server_that_is_down_fails_the_run_by_its_name(leaks: LeakCheck) -> None:
    agent = agent_with(mcp_tools(McpServer("shop", StdioServer("no-such-command-here"))), replies=["done"])
    result = await result_of(agent)
    assert result.error is not None
    assert result.error.code == "LA-TOOL"
    assert "'shop'" in result.error.message
    assert "no-such-command-here" in result.error.message
    await agent.aclose()


async def test_an_optional_server_that_is_down_costs_no_run_and_is_tried_again(
    leaks: LeakCheck, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    server = McpServer("shop", http_server(f"http://127.0.0.1:{port}").connection, required=False)
    source = mcp_tools(server)
    agent = agent_with(
        source,
        replies=[
            [call_tool("shop__unavailable")],
            "not now",
            [call_tool("shop__unavailable")],
            [call_tool("shop__echo", text="hello")],
            "done",
        ],
    )
    with caplog.at_level(logging.WARNING, logger="lightagent"):
        first = await result_of(agent)
    assert first.content == "not now"
    assert "'shop'" in caplog.text
    assert source.unavailable is not None
    down = outputs(first)[0]
    assert down is not None
    assert "'shop'" in down
    with http_process(tmp_path, port=port):
        await asyncio.sleep(0.3)  # Longer than the pause after two failures.
        up, hello = outputs(await result_of(agent))
        assert up is not None
        assert "reached again" in up
        assert hello == "hello"
        await agent.aclose()


async def test_a_run_that_begins_later_tries_an_optional_server_again(
    leaks: LeakCheck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_source, "TRY_AGAIN_SECONDS", 0.0)
    port = free_port()
    source = mcp_tools(McpServer("shop", http_server(f"http://127.0.0.1:{port}").connection, required=False))
    assert list((await source.tools()).tools) == ["shop__unavailable"]
    with http_process(tmp_path, port=port):
        await asyncio.sleep(0.2)  # Longer than the pause after one failure.
        agent = agent_with(source, replies=[[call_tool("shop__echo", text="hello")], "done"])
        assert outputs(await result_of(agent)) == ["hello"]
        await agent.aclose()


async def test_only_allowed_tools_are_there_and_those_that_cannot_be_used_are_named(leaks: LeakCheck) -> None:
    source = mcp_tools(stdio_server(tools=("echo", "beyond_repair", "gone")))
    assert list((await source.tools()).tools) == ["faulty__echo"]
    assert [(problem["tool"], problem["level"]) for problem in source.problems] == [
        ("gone", "warning"),
        ("beyond_repair", "error"),
    ]
    await source.aclose()


async def test_an_agent_reads_resources_and_prompts_where_it_may(leaks: LeakCheck) -> None:
    agent = agent_with(
        mcp_tools(stdio_server(tools=()), contents=True),
        replies=[
            [
                call_tool("faulty__list_contents"),
                call_tool("faulty__read_resource", uri="note://7"),
                call_tool("faulty__fill_prompt", name="greet", arguments={"who": "Ann"}),
            ],
            "done",
        ],
    )
    listed, read, filled = outputs(await result_of(agent))
    assert listed is not None
    assert '"note://{n}": "notes"' in listed
    assert '"who": "required"' in listed
    assert read == "[resource note://7]\ntext of note://7"
    assert filled == "user: Hello Ann"
    await agent.aclose()


async def test_what_a_server_has_besides_tools_is_marked_as_coming_from_it(leaks: LeakCheck) -> None:
    source = mcp_tools(stdio_server(tools=()), contents=True)
    specs = [tool.spec for tool in (await source.tools()).tools.values()]
    assert [(spec.provider, spec.original) for spec in specs] == [
        ("mcp:faulty", f"faulty/{own}") for own in ("list_contents", "read_resource", "fill_prompt")
    ]
    await source.aclose()


async def test_wrappers_take_them(leaks: LeakCheck) -> None:
    source = ApprovalRequiredTools(PrefixedTools(mcp_tools(stdio_server(tools=("echo",))), "my_"))
    tools = (await source.tools()).tools
    assert list(tools) == ["my_faulty__echo"]
    assert tools["my_faulty__echo"].spec.requires_approval
    await source.aclose()


async def test_an_optional_server_that_is_down_costs_no_run_behind_wrappers_either(leaks: LeakCheck) -> None:
    down = mcp_tools(McpServer("shop", StdioServer("no-such-command-here"), required=False))
    careful = ApprovalRequiredTools(FilteredTools(PrefixedTools(down, "my_"), ["my_shop__buy"]), ["my_shop__buy"])
    agent = agent_with(careful, replies=[[call_tool("shop__unavailable")], "not now"])
    result = await result_of(agent)
    assert result.content == "not now"
    assert "'shop'" in str(outputs(result)[0])
    await agent.aclose()


@pytest.mark.parametrize("server", ["faulty", "io.github.me/notes"])
async def test_a_guardrail_and_wrappers_name_a_tool_as_its_server_does(leaks: LeakCheck, server: str) -> None:
    source = FilteredTools(mcp_tools(stdio_server(name=server)), [f"{server}/echo"])
    (name,) = (await source.tools()).tools
    agent = LightAgent(
        model=ScriptedModel([[call_tool(name, text="hello")], "done"]),
        tools=[source],
        tool_guardrails=[sensitive_tool_confirmation_guardrail([f"{server}/echo"])],
    )
    assert "requires approval" in str(outputs(await result_of(agent))[0])
    await agent.aclose()


async def test_what_is_said_of_a_server_holds_for_its_tools(leaks: LeakCheck) -> None:
    server = replace(stdio_server(), capabilities=("write",), risk="high", approval=("echo",))
    agent = agent_with(mcp_tools(server), replies=[[call_tool("faulty__echo"), call_tool("faulty__whoami")], "done"])
    result = await result_of(agent)
    assert result.outcome.kind == "suspended"
    assert [call.status for call in result.tool_calls] == ["waiting", "ok"]
    await agent.aclose()

    source = mcp_tools(server)
    spec = (await source.tools()).tools["faulty__echo"].spec
    assert (spec.capabilities, spec.risk, spec.requires_approval) == (("write",), "high", True)
    await source.aclose()


async def test_a_misspelt_tool_that_is_to_wait_for_approval_is_an_error(leaks: LeakCheck) -> None:
    source = mcp_tools(replace(stdio_server(), approval=("ecko",)))
    with pytest.raises(ConfigurationError, match="ecko"):
        await source.tools()
    await source.aclose()


async def test_a_call_waits_for_a_human_who_names_the_tool_as_the_server_does(leaks: LeakCheck) -> None:
    hook = HumanApprovalHook(tools=["faulty/echo"])
    replies: list[Reply] = [[call_tool("faulty__echo", text="hello"), call_tool("faulty__whoami")], "done"]
    agent = LightAgent(model=ScriptedModel(replies), tools=[mcp_tools(stdio_server())], hooks=[hook])
    waiting = await agent.arun("?", result_format="object")
    (request,) = await asyncio.to_thread(hook.store.list_pending)
    assert (waiting.outcome.kind, request.tool_name) == ("suspended", "faulty__echo")
    await asyncio.to_thread(hook.store.resolve, request.request_id, ApprovalDecision.approve(actor="carol"))
    result = await agent.aresume(waiting.journal)
    assert result.content == "done"
    assert outputs(result)[0] == "hello"
    await agent.aclose()


async def test_a_header_function_that_takes_the_scope_gives_each_user_a_connection(
    leaks: LeakCheck, tmp_path: Path
) -> None:
    def headers(scope: Scope) -> dict[str, str]:
        return {"Authorization": f"token of {scope.user or 'nobody'}"}

    with http_process(tmp_path) as child:
        agent = agent_with(
            mcp_tools(http_server(child.url), headers=headers),
            replies=[[call_tool("faulty__whoami")], "done"] * 2,
        )
        assert outputs(await result_of(agent, "ann")) == ["token of ann"]
        assert outputs(await result_of(agent, "bob")) == ["token of bob"]
        await agent.aclose()


def test_runs_and_awaited_runs_share_a_server(leaks: LeakCheck) -> None:
    agent = agent_with(mcp_tools(stdio_server()), replies=[[call_tool("faulty__echo", text="x")], "done"] * 4)
    for _ in range(2):
        assert agent.run("?", result_format="object").tool_calls[0].output == "x"
        assert outputs(asyncio.run(result_of(agent))) == ["x"]
    agent.close()
