"""The sections ``[default.mcp.NAME]``: an MCP server, by the command that starts it or by its address."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from lightagent.domain.mcp.servers import DEFAULT_CALL_TIMEOUT, DEFAULT_MAX_BYTES, DEFAULT_OPEN_TIMEOUT, ServerScope
from lightagent.domain.tools.spec import Capability, Risk
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Section, TextOrReference

Transport: TypeAlias = Literal["stdio", "sse", "streamable-http"]

_CHILD_ONLY = ("args", "env", "inherit", "cwd")
_REMOTE_ONLY = ("headers",)


class McpServerSettings(Section):
    """A server: a command that is started, or a URL."""

    command: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, min_length=1, description="A program that is the server; no shell is involved."
    )
    args: Annotated[list[TextOrReference], NEEDS_TRUST] = Field(default_factory=list, description="Its arguments.")
    env: Annotated[dict[str, TextOrReference], NEEDS_TRUST] = Field(
        default_factory=dict, description="Its environment; it has no other variables than these and those of inherit."
    )
    inherit: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Names of variables that it is given as they are here, such as PATH."
    )
    cwd: Annotated[str | None, NEEDS_TRUST] = Field(
        default=None, description="The folder it starts in; relative to this file."
    )
    url: Annotated[TextOrReference | None, NEEDS_TRUST] = Field(default=None, description="Where the server is.")
    transport: Annotated[Transport | None, NEEDS_TRUST] = Field(
        default=None,
        description="stdio, sse or streamable-http; by default the last for a URL that ends with /mcp.",
    )
    headers: Annotated[dict[str, TextOrReference], NEEDS_TRUST] = Field(
        default_factory=dict, description="Headers of every request to the host of the URL."
    )
    tools: Annotated[list[str] | None, NEEDS_TRUST] = Field(
        default=None, description="The tools that may be used, by the server's own names; without it, all."
    )
    required: Annotated[bool, NEEDS_TRUST] = Field(
        default=True, description="Whether a run fails where the server cannot be opened."
    )
    scope: Annotated[ServerScope, NEEDS_TRUST] = Field(
        default="app", description="app, session or run: what has a connection of its own."
    )
    open_timeout: Annotated[float, SAFE] = Field(
        default=DEFAULT_OPEN_TIMEOUT, gt=0, description="Seconds to connect and to list the tools."
    )
    call_timeout: Annotated[float, SAFE] = Field(
        default=DEFAULT_CALL_TIMEOUT, gt=0, description="Seconds for one call."
    )
    max_bytes: Annotated[int, SAFE] = Field(
        default=DEFAULT_MAX_BYTES, ge=1_024, description="The largest message that is taken of the server."
    )
    capabilities: Annotated[list[Capability], NEEDS_TRUST] = Field(
        default_factory=list, description="What is declared of all its tools: read, write, network, execute."
    )
    risk: Annotated[Risk | None, NEEDS_TRUST] = Field(
        default=None, description="How much harm a wrong call of its tools can do: low, medium, high."
    )
    approval: Annotated[bool | list[str], NEEDS_TRUST] = Field(
        default=False, description="Whether a human decides before each call: of all its tools, or of those named."
    )
    disabled: Annotated[bool, NEEDS_TRUST] = Field(default=False, description="Leave the server out.")

    @property
    def chosen_transport(self) -> Transport:
        """The transport that is set, otherwise the one that follows from the command or the URL."""
        if self.transport is not None:
            return self.transport
        if self.command is not None:
            return "stdio"
        path = self.url.partition("?")[0].rstrip("/") if isinstance(self.url, str) else ""
        return "streamable-http" if path.endswith("/mcp") else "sse"

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("A server has either a command or a url")
        kind, others = ("command", _REMOTE_ONLY) if self.command is not None else ("url", _CHILD_ONLY)
        idle = [name for name in others if name in self.model_fields_set]
        if idle:
            raise ValueError(f"{idle[0]} does not apply to a server with a {kind}")
        if (self.chosen_transport == "stdio") != (kind == "command"):
            raise ValueError(f"The transport {self.transport} does not go with a {kind}")
        return self
