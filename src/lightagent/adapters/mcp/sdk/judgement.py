"""What an error of the SDK means for the call that it ends: a decision, apart from what is then done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

from lightagent.adapters.mcp.sdk.faults import FaultKind, kind_of
from lightagent.domain.mcp_faults import (
    McpClosed,
    McpFault,
    McpLost,
    McpRefused,
    McpTimedOut,
    McpTooLarge,
    McpUnavailable,
)

UNKNOWN: Final = "Whether the call took effect is unknown: do not make it again without checking."
LARGE: Final = "Ask for less: the call itself took effect."
_SHOWN: Final = 500
# How the SDK begins errors that it makes itself.
_STREAM: Final = "SSE stream"
_UNREADABLE: Final = ("Unexpected content type", "Failed to parse", "server answered a request with 202")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known besides the error.

    Attributes:
        closed: this program has closed the connection.
        over: why the session takes no call any more; empty as long as it does.
        timed_out: as much time has passed as a call may take.
        timeout: that time, in seconds; 0.0: no limit.
    """

    server: str
    closed: bool
    over: str
    timed_out: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Again:
    """The server has not looked at the request, which is made once more in a new session."""

    why: str


def judge(error: MCPError, told: Told) -> McpFault | Again:
    """The fault of a call, or that it may be made again because nothing of it was read."""
    kind = kind_of(error)
    if kind is not None:
        return _ours(kind, error.message, told)
    text = error.message[:1_000]
    # Servers answer with these two codes as well, so that a code alone proves nothing.
    if error.code == REQUEST_TIMEOUT and told.timed_out:
        return timed_out(told.server, told.timeout)
    if error.code == CONNECTION_CLOSED and told.closed:
        return McpClosed(told.server, "the connection was closed during the call.", UNKNOWN)
    if text.startswith(_STREAM) and "byte limit" in text:
        return McpTooLarge(told.server, "its answer is over the limit of bytes.", LARGE)
    if error.code == CONNECTION_CLOSED and (told.over or text == "Connection closed" or text.startswith(_STREAM)):
        return McpLost(told.server, f"the connection was lost during the call: {told.over or text}.", UNKNOWN)
    if text.startswith(_UNREADABLE):
        return unreadable(told.server, text)
    return McpRefused(told.server, f"it answered with error {error.code}: {text}")


def timed_out(server: str, seconds: float) -> McpTimedOut:
    """The fault of a call that had no answer in time."""
    return McpTimedOut(server, f"it did not answer within {seconds:g} s.", UNKNOWN)


def unreadable(server: str, text: str) -> McpLost:
    """The fault of a call that was answered with something that is not an answer of the protocol."""
    return McpLost(server, f"its answer cannot be read: {text[:_SHOWN].rstrip('.')}.", UNKNOWN)


def _ours(kind: FaultKind, text: str, told: Told) -> McpFault | Again:
    match kind:
        case "session":
            return Again(text)
        case "unsent":
            return Again(told.over) if told.over else McpUnavailable(told.server, f"it cannot be reached: {text}.")
        case "lost":
            return McpLost(told.server, f"the connection was lost during the call: {text}.", UNKNOWN)
        case "unreadable":
            return unreadable(told.server, text)
        case "refused":
            return McpRefused(told.server, f"it refuses the request: {text}.", "Check its headers, or log in again.")
        case "large":
            return McpTooLarge(told.server, f"{text}.", LARGE)
