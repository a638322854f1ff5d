"""Values of MCP servers that cannot be meant are refused where a program writes them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from lightagent import ConfigurationError, HttpServer, LightAgent, McpServer, StdioServer, mcp_tools

STDIO = StdioServer("program")
make_server: Callable[..., McpServer] = McpServer
make_stdio: Callable[..., StdioServer] = StdioServer
make_http: Callable[..., HttpServer] = HttpServer


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("tools", "search"),
        ("tools", ["search", 5]),
        ("scope", "user"),
        ("open_timeout", 0),
        ("open_timeout", "5"),
        ("call_timeout", -1),
        ("call_timeout", math.nan),
        ("max_bytes", 0),
        ("max_bytes", 1.5),
        ("approval", "buy"),
    ],
)
def test_a_wrong_value_of_a_server_is_named(field: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"McpServer: {field}"):
        make_server(**{"name": "shop", "connection": STDIO, field: value})


def test_a_wrong_value_of_a_connection_is_named_and_no_secret_shown() -> None:
    wrong: list[tuple[Callable[..., object], dict[str, object], str]] = [
        (make_stdio, {"command": ""}, "command"),
        (make_stdio, {"command": "a", "args": "secret.py"}, "args"),
        (make_stdio, {"command": "a", "args": ("secret", 5)}, "args"),
        (make_stdio, {"command": "a", "env": {"KEY": 5, "OTHER": "secret"}}, "env"),
        (make_http, {"url": "http://a/mcp", "transport": "http"}, "transport"),
        (make_http, {"url": "http://a/mcp", "headers": ["secret"]}, "headers"),
    ]
    for make, given, field in wrong:
        with pytest.raises(ConfigurationError, match=f": {field}") as caught:
            make(**given)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("declared", [{"capabilities": ("fly",)}, {"risk": "deadly"}])
def test_what_no_tool_can_declare_is_refused(declared: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=r"fly|deadly"):
        make_server(name="shop", connection=STDIO, **declared)


def test_a_root_is_an_address() -> None:
    with pytest.raises(ConfigurationError, match="as_uri"):
        mcp_tools(McpServer("shop", STDIO), roots=("/tmp",))


@pytest.mark.parametrize("setting", [5, None, [5], {"mcpServers": []}])
def test_what_describes_no_servers_is_refused(setting: object) -> None:
    agent = LightAgent(provider="offline")
    set_up: Callable[..., object] = agent.setup_mcp
    with pytest.raises(ConfigurationError):
        asyncio.run(_awaited(set_up(setting)))


async def _awaited(work: object) -> None:
    assert asyncio.iscoroutine(work)
    await work
