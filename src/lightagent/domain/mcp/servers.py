"""MCP servers and what they tell, as values: how a server is reached, what a tool of it is, what a call returned.

Nothing here knows the SDK; the adapter translates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.capabilities import check_declared, one_of
from lightagent.domain.tools.spec import Capability, Risk

HttpTransport: TypeAlias = Literal["sse", "streamable-http"]
ServerScope: TypeAlias = Literal["app", "session", "run"]

DEFAULT_OPEN_TIMEOUT = 30.0
DEFAULT_CALL_TIMEOUT = 60.0
DEFAULT_MAX_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class StdioServer:
    """A server that is a child process and speaks over its standard input and output. No shell is involved.

    Attributes:
        command: the program: a path, or a name that is looked up in PATH.
        args: its arguments, each passed on as it is.
        env: the environment of the process: this and nothing else.
        cwd: the directory it starts in; None: that of this program.
    """

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None

    def __post_init__(self) -> None:
        check_text("StdioServer: command", self.command)
        check_texts("StdioServer: args", self.args)
        check_mapping("StdioServer: env", self.env)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server behind a URL.

    Attributes:
        headers: sent with each request to the host of the URL, and to no other.
    """

    url: str = field(repr=False)
    transport: HttpTransport = "streamable-http"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_text("HttpServer: url", self.url, may_be_empty=True)
        one_of(self.transport, get_args(HttpTransport), "HttpServer: transport")
        check_mapping("HttpServer: headers", self.headers)


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server, and how an agent uses it.

    Attributes:
        name: as the user calls it; part of the names under which the model sees its tools.
        connection: how it is reached.
        tools: the original names of the tools that may be used; None: all.
        required: whether a run fails where it cannot be opened; else the run goes on without its tools.
        scope: whether one session serves everyone, or each conversation or run has its own.
        open_timeout: seconds to connect and to list the tools.
        call_timeout: seconds for one call of a tool, or to read resources and prompts; None: no limit.
        max_bytes: of one message of the server; a larger one is refused.
        capabilities, risk: what the application declares of each of its tools; a server's own hints prove nothing.
        approval: whether a human decides before each call, of every tool or of those that are named.

    Raises:
        ConfigurationError: a value is of another type, or cannot be meant.
    """

    name: str
    connection: StdioServer | HttpServer
    tools: tuple[str, ...] | None = None
    required: bool = True
    scope: ServerScope = "app"
    open_timeout: float = DEFAULT_OPEN_TIMEOUT
    call_timeout: float | None = DEFAULT_CALL_TIMEOUT
    max_bytes: int = DEFAULT_MAX_BYTES
    capabilities: tuple[Capability, ...] = ()
    risk: Risk | None = None
    approval: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        check_text("McpServer: name", self.name)
        if self.tools is not None:
            check_texts("McpServer: tools", self.tools)
        one_of(self.scope, get_args(ServerScope), "McpServer: scope")
        check_seconds("McpServer: open_timeout", self.open_timeout)
        if self.call_timeout is not None:
            check_seconds("McpServer: call_timeout", self.call_timeout)
        check_count("McpServer: max_bytes", self.max_bytes)
        check_declared(self.capabilities, self.risk)
        if not isinstance(self.approval, bool):
            check_texts("McpServer: approval", self.approval)

    def waits_for_approval(self, tool: str) -> bool:
        """Whether a human decides before each call of the tool."""
        return self.approval if isinstance(self.approval, bool) else tool in self.approval

    @property
    def may_want_login(self) -> bool:
        """Whether users could have to log in there: it is elsewhere, and no header of the settings says who asks."""
        connection = self.connection
        return isinstance(connection, HttpServer) and not any(
            name.lower() == "authorization" for name in connection.headers
        )


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool as its server declares it.

    Attributes:
        server: the name of the server in the settings.
        name: the tool's name as the server has it, which is what filters, policies and traces go by.
        schema: the JSON schema of the arguments, as the server gave it.
        title: for people.
        annotations: hints of the server about what the tool does; a stranger's word.
    """

    server: str
    name: str
    description: str = ""
    schema: JsonValue = None
    title: str = ""
    annotations: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text."""

    text: str


@dataclass(frozen=True, slots=True)
class MediaPart:
    """An image or a sound.

    Attributes:
        data: the bytes in base64, as the server sent them.
    """

    kind: Literal["image", "audio"]
    data: str = field(repr=False)
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class ResourceLink:
    """Where a resource of the server can be read."""

    uri: str
    name: str = ""
    title: str = ""
    description: str = ""
    mime_type: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedResource:
    """A resource that came with the answer: its text, or its bytes in base64."""

    uri: str
    mime_type: str = ""
    text: str | None = None
    data: str | None = field(default=None, repr=False)


McpPart: TypeAlias = TextPart | MediaPart | ResourceLink | EmbeddedResource


@dataclass(frozen=True, slots=True)
class McpResult:
    """What a call returned.

    Attributes:
        parts: in the server's order.
        structured: the result as JSON, or None if the server sent none.
        is_error: the tool says that it failed; the parts then say why.
    """

    parts: tuple[McpPart, ...] = ()
    structured: JsonValue = None
    is_error: bool = False


def check_text(what: str, value: object, *, may_be_empty: bool = False) -> None:
    """Raise unless it is a text."""
    if not isinstance(value, str) or not (value or may_be_empty):
        raise _wrong(what, value, "a text")


def check_texts(what: str, value: object) -> None:
    """Raise unless it is a list of texts, which are not shown: an argument may be secret."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence) or not _are_texts(value):
        raise ConfigurationError(f"{what} must be a list of texts, got a {type(value).__name__}.", guidance="")


def check_mapping(what: str, value: object) -> None:
    """Raise unless it maps texts to texts; the values, which may be secret, are not shown."""
    if not isinstance(value, Mapping) or not _are_texts([*value, *value.values()]):
        raise ConfigurationError(f"{what} must be texts by name.", guidance="")


def check_seconds(what: str, value: object) -> None:
    """Raise unless it is a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _wrong(what, value, "a number of seconds above 0")


def check_count(what: str, value: object) -> None:
    """Raise unless something can be counted with it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(what, value, "a whole number above 0")


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _wrong(what: str, value: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"{what} must be {wanted}, got {value!r:.100}.", guidance="")
