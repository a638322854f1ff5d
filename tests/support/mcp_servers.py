"""The faulty MCP server of the tests, started over each transport, and what is seen of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.mcp.servers import HttpServer, McpResult, McpServer, ServerScope, StdioServer, TextPart
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Elicitor, McpCaller, Sampler
from tests.servers.child import Child, running
from tests.servers.in_thread import serving

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0


def stdio_server(
    *options: str,
    name: str = "faulty",
    open_timeout: float = 30.0,
    call_timeout: float = 30.0,
    max_bytes: int = 10_000_000,
    scope: ServerScope = "app",
    required: bool = True,
    tools: tuple[str, ...] | None = None,
) -> McpServer:
    """The server over standard input and output."""
    command = (sys.executable, "-m", "tests.servers.mcp.stdio_server", *options)
    return McpServer(
        name,
        StdioServer(command[0], command[1:], cwd=str(ROOT)),
        open_timeout=open_timeout,
        call_timeout=call_timeout,
        max_bytes=max_bytes,
        scope=scope,
        required=required,
        tools=tools,
    )


def http_server(url: str, *, call_timeout: float = 30.0, max_bytes: int = 10_000_000, sse: bool = False) -> McpServer:
    """A server over streamable HTTP, or over SSE."""
    connection = HttpServer(f"{url}/sse", transport="sse") if sse else HttpServer(f"{url}/mcp")
    return McpServer("faulty", connection, call_timeout=call_timeout, max_bytes=max_bytes)


@contextmanager
def http_process(folder: Path, *options: str, port: int = 0) -> Iterator[Child]:
    """The server over HTTP as a process."""
    command = [sys.executable, "-m", "tests.servers.mcp.http_server", "--port", str(port), *options]
    with running("mcp", command, log=folder / "mcp.log", start_seconds=START_SECONDS) as child:
        yield child


@dataclass
class Watched:
    """A connection, and what it tells."""

    server: McpServer
    elicitor: Elicitor | None = None
    sampler: Sampler | None = None
    roots: tuple[str, ...] | None = None
    remarks: list[McpRemark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = SdkConnection(
            self.server,
            elicitor=self.elicitor,
            sampler=self.sampler,
            roots=self.roots,
            listener=self.remarks.append,
        )

    def told(self, kind: str) -> list[str]:
        """The texts of the remarks of a kind."""
        return [remark.text for remark in self.remarks if remark.kind == kind]

    async def text(self, tool: str, text: str = "", number: float | None = None, user: str = "", run: str = "") -> str:
        """What a tool answers."""
        return texts(await self.result(tool, text, number, user, run))

    async def result(
        self, tool: str, text: str = "", number: float | None = None, user: str = "", run: str = ""
    ) -> McpResult:
        caller = McpCaller(Scope(user=user, session=f"talk of {user}"), run)
        return await self.connection.call(
            tool, {"text": text, **({} if number is None else {"number": number})}, caller
        )


def texts(result: McpResult) -> str:
    return "\n".join(part.text for part in result.parts if isinstance(part, TextPart))


def effects(file: Path) -> list[str]:
    """What happened at the server, in its order."""
    return file.read_text().split() if file.exists() else []


@contextmanager
def redirecting(url: str) -> Iterator[str]:
    """A server that sends everybody elsewhere; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(307)
            self.send_header("location", f"{url}/mcp")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """No log."""

    with serving(Handler) as host:
        yield f"http://{host}/mcp"
