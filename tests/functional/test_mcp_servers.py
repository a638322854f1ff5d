"""Agents with MCP servers that others wrote, over real transports: each is listed and called."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lightagent import LightAgent, Limits, ToolSource
from lightagent.adapters.chat.scripted import Reply
from lightagent.compose.mcp import mcp_tools
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import Elicitation, ElicitationAnswer, SamplingAnswer, SamplingRequest
from lightagent.ports.mcp import Elicitor, McpCaller, Sampler
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.leaks import LeakCheck
from tests.servers.mcp.others import everything, node_server, python_server
from tests.support.mcp_servers import http_process

CALLS: Mapping[str, tuple[JsonObject, str]] = {
    "echo": ({"message": "hello"}, "hello"),
    "get-annotated-message": ({"messageType": "success", "includeImage": True}, "image/png"),
    "get-env": ({}, "{"),
    "get-resource-links": ({"count": 2}, "demo://resource"),
    "get-resource-reference": ({"resourceType": "Blob", "resourceId": 1}, "demo://resource/dynamic/blob/1"),
    "get-structured-content": ({"location": "Chicago"}, "temperature"),
    "get-sum": ({"a": 2, "b": 3}, "5"),
    "get-tiny-image": ({}, "image/png"),
    "gzip-file-as-resource": ({"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resource"}, "a.gz"),
    "toggle-simulated-logging": ({}, "logging"),
    "toggle-subscriber-updates": ({}, "updates"),
    "trigger-long-running-operation": ({"duration": 0.2, "steps": 2}, "completed"),
    "get-roots-list": ({}, "file:///somewhere"),
    "trigger-elicitation-request": ({}, "provided the requested information"),
    "trigger-url-elicitation": ({"url": "https://example.com/login"}, "accept"),
    "trigger-sampling-request": ({"prompt": "say it"}, "said"),
}
TASKS_ONLY = "simulate-research-query"
"""A tool that is only there for tasks of the experimental sort, which the SDK cannot ask for."""


class User(Elicitor):
    async def elicit(self, question: Elicitation, caller: McpCaller) -> ElicitationAnswer:
        return ElicitationAnswer("accept", {} if question.url else {"name": "Ann", "check": True})


class Model(Sampler):
    async def sample(self, request: SamplingRequest, caller: McpCaller) -> SamplingAnswer:
        return SamplingAnswer("said", "a model")


async def outputs(replies: Sequence[Reply], *sources: ToolSource[object]) -> list[str]:
    agent = LightAgent(
        model=ScriptedModel([*replies, "done"]), tools=list(sources), limits=Limits(max_tool_iterations=20)
    )
    result = await agent.arun("?", result_format="object")
    await agent.aclose()
    assert (result.error, result.content) == (None, "done")
    return [call.output or "" for call in result.tool_calls]


@pytest.mark.parametrize("transport", ["stdio", "sse", "streamable-http"])
async def test_every_tool_of_server_everything_answers(leaks: LeakCheck, tmp_path: Path, transport: str) -> None:
    with everything(transport, tmp_path / "log") as server:
        source = mcp_tools(server, elicitor=User(), sampler=Model(), roots=("file:///somewhere",))
        names = {tool.name for tool in await source.connection.tools()}
        assert names == {*CALLS, TASKS_ONLY}
        replies = [call_tool(f"everything__{name}", **arguments) for name, (arguments, _) in CALLS.items()]
        refused = call_tool(f"everything__{TASKS_ONLY}", topic="x")
        *found, tasks = await outputs([*replies, refused], source)
        wrong = {name: one for (name, (_, part)), one in zip(CALLS.items(), found, strict=True) if part not in one}
        assert wrong == {}
        assert tasks.startswith("[LA-TOOL]")


async def test_the_servers_of_pypi_answer(leaks: LeakCheck, tmp_path: Path) -> None:
    for command in (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "first"],
    ):
        await asyncio.to_thread(subprocess.run, ["git", *command], cwd=tmp_path, check=True)
    git = python_server("git", "mcp_server_git", env={"PATH": "/usr/bin:/bin:/usr/local/bin"})
    fetch = python_server("fetch", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips")
    time = python_server("time", "mcp_server_time")
    with http_process(tmp_path) as page:
        replies = [
            [
                call_tool("git__git_log", repo_path=str(tmp_path)),
                call_tool("fetch__fetch", url=f"{page.url}/"),
                call_tool("time__get_current_time", timezone="Asia/Tokyo"),
            ]
        ]
        log, fetched, tokyo = await outputs(replies, *map(mcp_tools, (git, fetch, time)))
    assert "first" in log
    assert "405" in fetched, "the page is there, and says that it is none"
    assert "Asia/Tokyo" in tokyo


async def test_server_filesystem_answers(leaks: LeakCheck, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("remember the milk")
    source = mcp_tools(node_server("files", "server-filesystem", str(tmp_path)))
    calls = [
        call_tool("files__read_text_file", path=str(tmp_path / "note.txt")),
        call_tool("files__read_text_file", path="/etc/passwd"),
    ]
    read, refused = await outputs([calls], source)
    assert "remember the milk" in read
    assert refused.startswith("[LA-TOOL]")
