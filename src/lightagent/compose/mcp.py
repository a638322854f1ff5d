"""MCP servers as sources of tools."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from typing_extensions import TypeIs

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.mcp.servers import HttpServer, McpServer
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Elicitor, HeaderSource, Logins, RemarkListener, Sampler, ToolPins

Headers: TypeAlias = Mapping[str, str]
McpHeaders: TypeAlias = Callable[[], Headers | Awaitable[Headers]] | Callable[[Scope], Headers | Awaitable[Headers]]
"""Gives the headers of a request. One that takes a scope is given that of the run; each user then has a connection of
their own."""


def mcp_tools(
    server: McpServer,
    *,
    headers: McpHeaders | None = None,
    logins: Logins | None = None,
    elicitor: Elicitor | None = None,
    sampler: Sampler | None = None,
    roots: tuple[str, ...] | None = None,
    contents: bool = False,
    listener: RemarkListener | None = None,
    pins: ToolPins | None = None,
) -> McpTools:
    """The tools of an MCP server, for ``LightAgent(tools=[…])``.

    Args:
        headers: called for each HTTP request, and once more if the server refuses the result; these are sent
            in addition to the headers of the server. An ordinary function must not block.
        logins: logs users in, if an HTTP server requires it, and keeps their tokens. Then, as with headers that take
            a scope, the tools are listed with an empty scope.
        elicitor, sampler: answer the server's requests to users and to models.
        roots: folders that the server may ask for, as ``file://`` addresses.
        contents: whether the agent has tools for the resources and prompts of the server as well.
        listener: takes remarks on the connection that belong to no call.
        pins: where the declarations of the tools are kept, such as a `PinFile`: a tool whose declaration has changed
            when the program runs the next time is blocked.

    Raises:
        ConfigurationError: headers for a server without HTTP, or a root that is not a ``file://`` address.
        MissingExtraError: the SDK is not installed.
    """
    if headers is not None and not isinstance(server.connection, HttpServer):
        raise ConfigurationError(f"mcp: the server {server.name!r} takes no headers.", guidance="Only HTTP servers do.")
    for root in roots or ():
        if not str(root).startswith("file://"):
            raise ConfigurationError(
                f"mcp: each of roots must be a file:// address, got {root!r:.100}.",
                guidance="Pass roots=(Path(…).as_uri(),).",
            )
    source, per_user = (None, False) if headers is None else _header_source(headers)
    connection = SdkConnection(
        server,
        headers=source,
        per_user=per_user,
        logins=logins,
        elicitor=elicitor,
        sampler=sampler,
        roots=roots,
        listener=listener,
        pins=pins,
    )
    return McpTools(server, connection, contents=contents)


def _header_source(headers: McpHeaders) -> tuple[HeaderSource, bool]:
    per_user = bool(inspect.signature(headers).parameters)
    ask: Callable[..., Headers | Awaitable[Headers]] = headers

    async def asked(scope: Scope, refused: bool) -> Headers:
        given = ask(scope) if per_user else ask()
        return await given if _is_awaitable(given) else given

    return asked, per_user


def _is_awaitable(given: Headers | Awaitable[Headers]) -> TypeIs[Awaitable[Headers]]:
    return inspect.isawaitable(given)
