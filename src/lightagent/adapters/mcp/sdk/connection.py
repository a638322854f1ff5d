"""The connection that programs hold. The SDK is loaded when the first session opens, which takes about a second."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from lightagent.adapters.mcp.sdk.access import Access
from lightagent.adapters.mcp.sdk.calls import Call
from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.pool import Pool
from lightagent.adapters.mcp.sdk.seat import Seat
from lightagent.adapters.registry import install_command
from lightagent.domain.errors import MissingExtraError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import McpPrompt, McpPromptMessage, McpResource
from lightagent.domain.mcp.servers import EmbeddedResource, HttpServer, McpResult, McpServer, McpTool
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.ports.mcp import (
    Elicitor,
    HeaderSource,
    Logins,
    McpCaller,
    McpReadableConnection,
    RemarkListener,
    Sampler,
    ToolPins,
    ignore_remark,
)

if TYPE_CHECKING:
    from lightagent.adapters.mcp.sdk.requests import Requests

T = TypeVar("T")

IDLE_SECONDS: Final = 300.0
"""After so long without a call the connection of a conversation, a run or a user ends; that of an app stays."""

_NO_CALLER: Final = McpCaller()

_REQUESTS: Final = "lightagent.adapters.mcp.sdk.requests"


class SdkConnection(McpReadableConnection):
    """A server, through the official SDK. Nothing is opened before it is used.

    Args:
        server: which, and how.
        headers: the headers of each HTTP request, besides those of the server.
        per_user: whether `headers` depend on the user, who then has a connection of its own.
        logins: where users log in, where the server wants it. Each of them has a connection of their own.
        elicitor, sampler: answer what servers ask of users and of models; without one, servers are not offered it.
        roots: folders that servers may ask for, as ``file://`` addresses.
        listener: takes remarks on the connection that belong to no call.
        pins: where the declarations of tools are kept; None: only as long as this object lives.

    Raises:
        MissingExtraError: the SDK is not installed.
    """

    def __init__(
        self,
        server: McpServer,
        *,
        headers: HeaderSource | None = None,
        per_user: bool = False,
        logins: Logins | None = None,
        elicitor: Elicitor | None = None,
        sampler: Sampler | None = None,
        roots: tuple[str, ...] | None = None,
        listener: RemarkListener | None = None,
        pins: ToolPins | None = None,
    ) -> None:
        _require_sdk()
        self.server = server
        memory = self._memory = ServerMemory(server, listener or ignore_remark, pins)
        per_user = per_user or logins is not None
        idle = IDLE_SECONDS if per_user or server.scope != "app" else None

        def make(scope: Scope) -> Seat:
            # Nothing here refers to this object, so that it is noticed when it is forgotten.
            def core() -> Requests:
                from lightagent.adapters.mcp.sdk.questions import Answerers
                from lightagent.adapters.mcp.sdk.requests import Requests

                # A server may show one user other tools than another, so all are offered those of an empty scope.
                lists = not per_user or scope == NO_SCOPE
                access = Access(_ask(server, headers, scope), scope, logins, lists)
                return Requests(memory, Answerers(elicitor, sampler, roots), access, idle)

            return Seat(core)

        self._pool = Pool(server, per_user=per_user, make=make)
        weakref.finalize(self, _close_soon, self._pool).atexit = False

    def __repr__(self) -> str:
        return f"SdkConnection({self.server.name!r})"

    @property
    def version(self) -> int:
        """Another number once the list of tools has changed."""
        return self._memory.version

    async def tools(self) -> tuple[McpTool, ...]:
        """All tools of the server; opens a session unless one is open.

        Raises:
            McpUnavailable: it cannot be reached.
        """
        await self._run(_NO_CALLER, lambda core: core.open())
        return self._memory.tools

    async def call(self, tool: str, arguments: JsonObject, caller: McpCaller) -> McpResult:
        """Call a tool. What may have reached the server is never sent again."""
        call = Call(caller, asyncio.get_running_loop())
        return await self._run(caller, lambda core: core.call_tool(tool, arguments, call))

    async def accept(self, tool: str) -> None:
        """From now on the tool is what its server declares it to be now."""
        await self._memory.accept(tool)

    async def resources(self) -> tuple[McpResource, ...]:
        """Its resources and templates of resources."""
        call = Call(_NO_CALLER, asyncio.get_running_loop())
        return await self._run(_NO_CALLER, lambda core: core.list_resources(call))

    async def read(self, uri: str, caller: McpCaller) -> tuple[EmbeddedResource, ...]:
        """The contents of a resource."""
        call = Call(caller, asyncio.get_running_loop())
        return await self._run(caller, lambda core: core.read_resource(uri, call))

    async def prompts(self) -> tuple[McpPrompt, ...]:
        """Its prompts."""
        call = Call(_NO_CALLER, asyncio.get_running_loop())
        return await self._run(_NO_CALLER, lambda core: core.list_prompts(call))

    async def prompt(self, name: str, arguments: Mapping[str, str], caller: McpCaller) -> tuple[McpPromptMessage, ...]:
        """A prompt, filled in."""
        call = Call(caller, asyncio.get_running_loop())
        return await self._run(caller, lambda core: core.get_prompt(name, arguments, call))

    async def aclose(self) -> None:
        """End all sessions and processes; a call that is under way fails."""
        await asyncio.gather(*(seat.close() for seat in self._pool.take_all()))

    async def _run(self, caller: McpCaller, work: Callable[[Requests], Coroutine[object, object, T]]) -> T:
        if _REQUESTS not in sys.modules:
            await asyncio.to_thread(importlib.import_module, _REQUESTS)
        seat, gone = self._pool.seat(caller)
        if gone is not None:
            await gone.close()
        return await seat.run(work)


def _ask(
    server: McpServer, headers: HeaderSource | None, scope: Scope
) -> Callable[[bool], Awaitable[Mapping[str, str]]]:
    """The headers of one connection: those of the settings, and those that are asked for."""
    fixed = server.connection.headers if isinstance(server.connection, HttpServer) else {}

    async def ask(refused: bool) -> Mapping[str, str]:
        return {**fixed, **(await headers(scope, refused))} if headers else fixed

    return ask


def _require_sdk() -> None:
    if importlib.util.find_spec("mcp") is None:
        raise MissingExtraError(
            "MCP servers need the package 'mcp', which is not installed.",
            guidance=f"Type: {install_command('mcp', 'mcp>=2.3')}",
        )


def _close_soon(pool: Pool) -> None:
    for seat in pool.take_all():
        seat.close_soon()
