"""The ports to MCP servers: a connection to one of them, and the answerers of what a server asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp import EmbeddedResource, McpResult, McpTool
from lightagent.domain.mcp_exchange import (
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
from lightagent.domain.scopes import NO_SCOPE, Scope

RemarkListener: TypeAlias = Callable[[McpRemark], None]
"""Takes remarks on a connection; called in any thread, so it must be quick and not raise."""

HeaderSource: TypeAlias = Callable[[Scope, bool], Awaitable[Mapping[str, str]]]
"""The headers of a request, for whom it is made. True: the server has just refused those it gave before."""


def ignore_remark(remark: McpRemark) -> None:
    """The listener where a program gives none."""


@dataclass(frozen=True, slots=True)
class McpCaller:
    """On whose behalf a call is made; a server with a scope of its own serves each of them apart.

    Attributes:
        scope: whose run it is.
        run_id: of the run; empty outside of one.
        tell: takes the progress and the log messages that belong to the call.
    """

    scope: Scope = NO_SCOPE
    run_id: str = ""
    tell: RemarkListener = field(default=ignore_remark, repr=False)


class McpConnection(Protocol):
    """One server. Serves any number of tasks, threads and event loops at once, and opens itself when it is needed."""

    @property
    def version(self) -> int:
        """Another number once the list of tools has changed, or whether the server can be reached."""
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
        """From now on the tool is what its server declares it to be now; what is not blocked stays as it is."""
        ...

    async def aclose(self) -> None:
        """End all sessions and processes; a later call opens the connection again."""
        ...


class McpContents(Protocol):
    """What a server has besides tools. Raises `McpFault` as a call does."""

    async def resources(self) -> tuple[McpResource, ...]:
        """Its resources and templates of resources."""
        ...

    async def read(self, uri: str, caller: McpCaller) -> tuple[EmbeddedResource, ...]:
        """The contents of a resource."""
        ...

    async def prompts(self) -> tuple[McpPrompt, ...]:
        """Its prompts."""
        ...

    async def prompt(self, name: str, arguments: Mapping[str, str], caller: McpCaller) -> tuple[McpPromptMessage, ...]:
        """A prompt, filled in."""
        ...


class McpReadableConnection(McpConnection, McpContents, Protocol):
    """A connection through which a program also reads what the server has besides tools."""


class Elicitor(Protocol):
    """Asks users what servers want to know of them."""

    async def elicit(self, question: Elicitation, caller: McpCaller) -> ElicitationAnswer:
        """What the user of `caller` answers. Called in the event loop of the call; raising refuses the question."""
        ...


class Logins(Protocol):
    """Where users log in at servers, and where what they get for it is kept: one user's is never another's."""

    @property
    def redirect_uri(self) -> str:
        """The address to which login pages send users back."""
        ...

    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        """Take a user to a login page, and wait until the page has sent them back. What it raises ends the attempt."""
        ...

    async def load(self, server: str, scope: Scope) -> JsonObject | None:
        """What was saved for the user; None: nothing."""
        ...

    async def save(self, server: str, scope: Scope, secrets: JsonObject) -> None:
        """Keep this for the user instead of what was saved before. It holds tokens."""
        ...


class ToolPins(Protocol):
    """Where the declarations of servers' tools are kept beyond the end of the program."""

    async def known(self, server: str, tools: tuple[McpTool, ...]) -> tuple[McpTool, ...]:
        """The tools that are kept of the server, once those of the given ones are kept that were not there.

        Raises:
            StoreError: that cannot be told or done; then the server is not used.
        """
        ...

    async def accept(self, server: str, tool: McpTool) -> None:
        """Keep this declaration of the tool in the place of the one that is kept."""
        ...


class Sampler(Protocol):
    """Lets servers ask a model."""

    async def sample(self, request: SamplingRequest, caller: McpCaller) -> SamplingAnswer:
        """The model's answer. Called in the event loop of the call; what it raises refuses the request."""
        ...
