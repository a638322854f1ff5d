"""MCP servers that others wrote: those of npm in `.tools/mcp`, which `make` installs, and those of PyPI."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightagent.domain.mcp.servers import HttpServer, McpServer, StdioServer
from tests.servers.child import ServerError, free_port, running
from tests.servers.node import find_node

PROJECT = Path(__file__).parents[3]
FOLDER = PROJECT / ".tools/mcp/node_modules/@modelcontextprotocol"
START_SECONDS = 30.0


def script(package: str) -> str:
    """The program of a package of npm."""
    found = FOLDER / package / "dist/index.js"
    if not found.is_file():
        raise ServerError(f"{package} is not installed under {PROJECT}: make setup")
    return str(found)


def node_server(name: str, package: str, *args: str) -> McpServer:
    """A server of npm over standard input and output."""
    return McpServer(name, StdioServer(find_node(), (script(package), *args)))


def python_server(name: str, module: str, *args: str, env: dict[str, str] | None = None) -> McpServer:
    """A server of PyPI over standard input and output."""
    return McpServer(name, StdioServer(sys.executable, ("-m", module, *args), env or {}))


@contextmanager
def everything(transport: str, log: Path) -> Iterator[McpServer]:
    """npm's server-everything over one of the transports: ``stdio``, ``sse``, ``streamable-http``."""
    if transport == "stdio":
        yield node_server("everything", "server-everything")
        return
    port = free_port()
    command = [find_node(), script("server-everything"), "sse" if transport == "sse" else "streamableHttp"]
    tied = [sys.executable, "-m", "tests.servers.tied_child", str(port), *command]
    with running("server-everything", tied, log=log, start_seconds=START_SECONDS, env={"PORT": str(port)}) as child:
        if transport == "sse":
            yield McpServer("everything", HttpServer(f"{child.url}/sse", transport="sse"))
        else:
            yield McpServer("everything", HttpServer(f"{child.url}/mcp"))
