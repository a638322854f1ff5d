"""The way to a server, as telemetry tells it: what kind it is, where it leads, and what is seen on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx2

from lightagent.adapters.mcp.sdk.http_faults import SESSION_HEADER
from lightagent.aiokits.observed_work import Fact
from lightagent.domain.mcp.servers import HttpServer, McpServer

_HTTP: Final = "HTTP/"


class Route:
    """The way of one session.

    Args:
        server: to which it leads.
    """

    def __init__(self, server: McpServer) -> None:
        self._known: dict[str, Fact] = {"transport": "pipe"}
        if isinstance(server.connection, HttpServer):
            self._known = {"transport": "tcp", "protocol": "http", **_place(server.connection.url)}

    async def see(self, response: httpx2.Response) -> None:
        """Learn from the head of a response which version of HTTP it came by, and the id of the session."""
        if (session := response.headers.get(SESSION_HEADER)) is not None:
            self._known["session"] = session
        if "http_version" in response.extensions and response.http_version.startswith(_HTTP):
            self._known["protocol_version"] = response.http_version.removeprefix(_HTTP)

    def facts(self, method: str, tool: str, version: str) -> Mapping[str, Fact]:
        """What is known of a request.

        Args:
            method: of the protocol, such as ``tools/call``.
            tool: the tool that it calls, if any.
            version: of the protocol, which the session speaks.
        """
        return {**self._known, "method": method, "name": tool or None, "version": version}


def _place(url: str) -> dict[str, Fact]:
    """Return the host and the port of a URL; empty if they are missing or invalid."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return {}
    return {"address": host, "port": port} if host else {}
