"""``/mcp``: the served models as tools of an MCP server, over streamable HTTP."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp

from lightagent.adapters.registry import install_command
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.entrypoints.serving.requests import ServedRequest, ServedRoute


async def speak_mcp(request: ServedRequest) -> ASGIApp:
    """Answer with the MCP SDK, within the limits of this server and on behalf of this caller."""
    try:  # Only this protocol needs the SDK, so it is imported on first use.
        from lightagent.entrypoints.serving.mcp.sessions import McpSessions
    except ImportError:
        raise RequestRefused(404, "This server lacks the MCP SDK.", f"Type: {install_command('mcp', 'mcp')}") from None
    parts, settings = request.serving.parts, request.serving.settings
    name = f"mcp {request.caller.key_id}"  # The limit of sessions is per key, so that keys do not affect each other.
    sessions = parts.get(name)
    if not isinstance(sessions, McpSessions):
        request.serving.active.check_open()
        sessions = parts[name] = McpSessions(settings)
    return await sessions.answer_to(request)


MCP_ROUTES: Final = (
    ServedRoute("/mcp", "POST", speak_mcp, takes_body=True),
    ServedRoute("/mcp", "GET", speak_mcp),
    ServedRoute("/mcp", "DELETE", speak_mcp),
)
