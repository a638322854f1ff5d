"""What an MCP server or its settings say of secrets stays out of errors, which models, journals and people read."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.mcp.faults import McpUnavailable
from lightagent.domain.mcp.servers import HttpServer, HttpTransport, McpServer
from lightagent.domain.scopes import Scope
from tests.servers.in_thread import serving
from tests.servers.leaks import LeakCheck

TRANSPORTS = pytest.mark.parametrize("transport", ["sse", "streamable-http"])


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address, with secrets in it, of a server that answers with a status alone."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://127.0.0.1:9/?api_key=SECRET")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, format: str, *args: object) -> None:
            """No log."""

    with serving(Handler) as host:
        yield f"http://user:SECRET@{host}/mcp?api_key=SECRET"


async def opened(address: str, transport: HttpTransport, headers: dict[str, str] | None = None) -> str:
    """All that is told where a server cannot be opened."""
    remarks: list[McpRemark] = []

    async def given(scope: Scope, refused: bool) -> dict[str, str]:
        return headers or {}

    server = McpServer("shop", HttpServer(address, transport))
    connection = SdkConnection(server, headers=given, listener=remarks.append)
    with pytest.raises(McpUnavailable) as caught:
        await connection.tools()
    await connection.aclose()
    return "\n".join([str(caught.value), *(remark.text for remark in remarks)])


@TRANSPORTS
@pytest.mark.parametrize("status", [302, 401, 403, 500])
async def test_a_refusal_names_the_status_and_no_secret(
    leaks: LeakCheck, transport: HttpTransport, status: int
) -> None:
    with answering(status) as address:
        told = await opened(address, transport)
    assert "SECRET" not in told
    assert status == 302 or f"HTTP status {status}" in told


@TRANSPORTS
@pytest.mark.parametrize("headers", [{"Authorization": "Bearer SECRET\n"}, {"A": "SECRET é"}, {"A": " SECRET"}])
async def test_a_header_that_cannot_be_sent_is_named_without_its_value(
    leaks: LeakCheck, transport: HttpTransport, headers: dict[str, str]
) -> None:
    with answering(200) as address:
        told = await opened(address, transport, headers)
    assert "SECRET" not in told
    assert next(iter(headers)) in told
