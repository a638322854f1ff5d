"""The ports to MCP servers: a connection to a server, and the handlers of requests from servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import (
    Elicitation,
    ElicitationAnswer,
    LoginAnswer,
    McpPrompt,
    McpPromptMessage,
    McpRemark,
    McpResource,
    SamplingAnswer,
    SamplingRequest,
)
from lightagent.domain.mcp.servers import EmbeddedResource, McpResult, McpTool
from lightagent.domain.scopes import NO_SCOPE, Scope

RemarkListener: TypeAlias = Callable[[McpRemark], None]
"""Takes remarks on a connection; called in any thread, so it must be quick and not raise."""

HeaderSource: TypeAlias = Callable[[Scope, bool], Awaitable[Mapping[str, str]]]
"""Returns the headers of a request for its caller. True means that the server has just refused the previous ones."""


def ignore_remark(remark: McpRemark) -> None:
    """The listener of programs that do not set one."""


@dataclass(frozen=True, slots=True)
class McpCaller:
    """On whose behalf a call is made; a server with its own scope serves each owner separately.

    Attributes:
        scope: the owner of the run.
        run_id: the id of the run; empty outside of a run.
        tell: takes the progress and log messages of the call.
    """

    scope: Scope = NO_SCOPE
    run_id: str = ""
    tell: RemarkListener = field(default=ignore_remark, repr=False)


class McpConnection(Protocol):
    """One server. Serves any number of tasks, threads and event loops at once, and connects on first use."""

    @property
    def version(self) -> int:
        """A number that changes with the list of tools, and when the server becomes reachable or unreachable."""
        ...

    async def tools(self) -> tuple[McpTool, ...]:
        """All tools that the server has, of all pages, as it first declared them.

        Raises:
            McpUnavailable: it cannot be reached; the text says why.
        """
        ...

    async def call(self, tool: str, arguments: JsonObject, caller: McpCaller) -> McpResult:
        """Call a tool by its original name. A request that may have reached the server is never sent again.

        Raises:
            McpFault: it failed; the class says what may have happened on the server.
        """
        ...

    async def accept(self, tool: str) -> None:
        """Accept the current declaration of a blocked tool; tools that are not blocked stay unchanged."""
        ...

    async def aclose(self) -> None:
        """End all sessions and processes; a later call opens the connection again."""
        ...


class McpContents(Protocol):
    """What a server offers besides tools. Raises `McpFault` as a call does."""

    async def resources(self) -> tuple[McpResource, ...]:
        """Return its resources and resource templates."""
        ...

    async def read(self, uri: str, caller: McpCaller) -> tuple[EmbeddedResource, ...]:
        """Return the contents of a resource."""
        ...

    async def prompts(self) -> tuple[McpPrompt, ...]:
        """Return its prompts."""
        ...

    async def prompt(self, name: str, arguments: Mapping[str, str], caller: McpCaller) -> tuple[McpPromptMessage, ...]:
        """Return a prompt with its arguments filled in."""
        ...


class McpReadableConnection(McpConnection, McpContents, Protocol):
    """A connection through which a program also reads what the server offers besides tools."""


class Elicitor(Protocol):
    """Asks users for the input that servers request (elicitation)."""

    async def elicit(self, question: Elicitation, caller: McpCaller) -> ElicitationAnswer:
        """Return the answer of `caller`'s user. Called in the event loop of the call; exceptions refuse the request."""
        ...


class Logins(Protocol):
    """Lets users log in at servers, and stores their tokens: those of one user are never used for another."""

    @property
    def redirect_uri(self) -> str:
        """The redirect URI to which login pages send users back."""
        ...

    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        """Send a user to a login page, and wait until the page has sent them back. Exceptions end the attempt."""
        ...

    async def load(self, server: str, scope: Scope) -> JsonObject | None:
        """Return what was saved for the user, or None."""
        ...

    async def save(self, server: str, scope: Scope, secrets: JsonObject) -> None:
        """Replace what is saved for the user. It holds tokens."""
        ...


class ToolPins(Protocol):
    """Stores the declarations of servers' tools durably, so that changes are noticed across program runs."""

    async def known(self, server: str, tools: tuple[McpTool, ...]) -> tuple[McpTool, ...]:
        """Store those of the given tools that are not stored yet, and return all stored tools of the server.

        Raises:
            StoreError: that cannot be told or done; then the server is not used.
        """
        ...

    async def accept(self, server: str, tool: McpTool) -> None:
        """Replace the stored declaration of the tool by this one."""
        ...


class Sampler(Protocol):
    """Lets servers ask a model (sampling)."""

    async def sample(self, request: SamplingRequest, caller: McpCaller) -> SamplingAnswer:
        """Return the model's answer. Called in the event loop of the call; an exception refuses the request."""
        ...
