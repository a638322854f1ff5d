"""What can go wrong with a call of an MCP server, told apart by what may have happened on the server.

Each is a `ToolError`: the run goes on, and the model reads the text.

McpFault
├── McpUnavailable   the server was not reached, so nothing happened there
├── McpLost          the request was written, but its answer was lost or cannot be read: its effect is unknown
├── McpTimedOut      no answer in time; the server was told to stop
├── McpTooLarge      the answer is larger than the server's limit
├── McpRefused       the server answered with an error of its own
├── McpChanged       the server declares the tool differently than before, and that is not accepted yet
└── McpClosed        the connection was closed while the call was under way, or before
"""

from __future__ import annotations

from lightagent.domain.errors import ToolError


class McpFault(ToolError):
    """A call of an MCP server failed.

    Args:
        server: the server's name in the settings.
        text: what happened, to follow the server's name.
    """

    def __init__(self, server: str, text: str, guidance: str = "", *, retryable: bool = False) -> None:
        self.server = server
        super().__init__(
            f"MCP server {server!r:.100}: {text}",
            guidance=guidance,
            details={"server": server[:100]},
            retryable=retryable,
        )


class McpUnavailable(McpFault):
    """The server cannot be reached now, and no request has reached it; the call may be made again."""

    def __init__(self, server: str, text: str, guidance: str = "") -> None:
        super().__init__(server, text, guidance, retryable=True)


class McpLost(McpFault):
    """The answer was lost, or cannot be read: whether the request took effect is unknown. It is not sent again."""


class McpTimedOut(McpFault):
    """The server did not answer in time, and was told that the call is cancelled; it may still take effect."""


class McpTooLarge(McpFault):
    """The server's answer is larger than allowed and was thrown away; the call took effect."""


class McpRefused(McpFault):
    """The server answered with an error of its own."""


class McpChanged(McpFault):
    """The server declares the tool differently than when it was first seen; it is blocked until that is accepted."""


class McpClosed(McpFault):
    """The connection was closed by this program; a call that was under way may have taken effect."""
