"""A server that shows each user other tools: what one user is shown changes nothing for another."""

from __future__ import annotations

import http.server
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from lightagent import LightAgent
from lightagent.compose.mcp import mcp_tools
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.mcp.servers import HttpServer, McpServer
from lightagent.domain.scopes import Scope
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.in_thread import serving
from tests.servers.leaks import LeakCheck


class Personal(http.server.BaseHTTPRequestHandler):
    """An MCP server over HTTP that describes its tools for the user in the header, and shows the admin one more."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "id" not in message or "method" not in message:
            self.answer(202, None)
        else:
            user = self.headers.get("authorization", "")
            self.answer(200, {"jsonrpc": "2.0", "id": message["id"], "result": self.result(message["method"], user)})

    def result(self, method: str, user: str) -> JsonValue:
        if method == "tools/list":
            schema: JsonObject = {"type": "object"}
            tools: list[JsonValue] = [{"name": "mail", "description": f"Mail of {user}.", "inputSchema": schema}]
            if user == "admin":
                tools.append({"name": "wipe", "inputSchema": schema})
            return {"tools": tools}
        if method == "tools/call":
            return {"content": [{"type": "text", "text": f"Hello {user}"}]}
        info: JsonObject = {"name": "personal", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}

    def answer(self, status: int, body: JsonValue) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("mcp-session-id", uuid.uuid4().hex)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.answer(405, None)

    def do_DELETE(self) -> None:
        self.answer(200, None)

    def log_message(self, format: str, *args: object) -> None:
        """No log."""


@contextmanager
def personal() -> Iterator[McpServer]:
    """The server."""
    with serving(Personal) as host:
        yield McpServer("post", HttpServer(f"http://{host}/mcp"))


async def test_what_a_server_shows_one_user_is_offered_to_no_other_and_blocks_nothing(leaks: LeakCheck) -> None:
    remarks: list[McpRemark] = []

    def headers(scope: Scope) -> dict[str, str]:
        return {"Authorization": scope.user or "nobody"}

    with personal() as server:
        model = ScriptedModel([[call_tool("post__mail")], "done"] * 3)
        agent = LightAgent(model=model, tools=[mcp_tools(server, headers=headers, listener=remarks.append)])
        for user in ("ann", "admin", "ann"):
            result = await agent.arun("?", result_format="object", user_id=user)
            assert [call.output for call in result.tool_calls] == [f"Hello {user}"]
        offered = [(tool.name, tool.description) for request in model.requests for tool in request.tools]
        assert offered == [("post__mail", "Mail of nobody.")] * 6
        assert [remark for remark in remarks if remark.kind == "changed"] == []
        await agent.aclose()
