"""What became of a request: how our transports report it, and which fault the call ends with.

A transport reports a JSON-RPC error under a code that no server uses. The SDK hands it to the one caller whose request
it answers. Errors of the SDK itself cannot be told apart: its codes for a lost connection and for a timeout are also
codes that servers answer with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

from lightagent.domain.mcp.faults import (
    McpClosed,
    McpFault,
    McpLost,
    McpRefused,
    McpTimedOut,
    McpTooLarge,
    McpUnavailable,
)

CODE: Final = -31999
_KEY: Final = "lightagent"

FaultKind: TypeAlias = Literal["session", "unsent", "lost", "unreadable", "large", "refused"]
"""``session``: the server has forgotten the session and has not looked at the request. ``unsent``: nothing was written.
``lost``: written, but the answer cannot come any more. ``unreadable``: written, but the answer is not a message of the
protocol. ``large``: the answer was too large, and thrown away. ``refused``: the caller is not let in."""

_KINDS: Final[dict[object, FaultKind]] = {kind: kind for kind in get_args(FaultKind)}


def fault_data(kind: FaultKind, text: str) -> types.ErrorData:
    """The error of a fault."""
    return types.ErrorData(code=CODE, message=text, data={_KEY: kind})


def fault_error(kind: FaultKind, text: str) -> MCPError:
    """The same, to be raised where a request is written."""
    return MCPError.from_error_data(fault_data(kind, text))


def kind_of(error: MCPError) -> FaultKind | None:
    """What a transport of ours reported by this error; None: it is the server's, or the SDK's."""
    data: object = error.data
    if error.code != CODE or not isinstance(data, dict):
        return None
    return _KINDS.get(data.get(_KEY))


UNKNOWN: Final = "Whether the call took effect is unknown: do not make it again without checking."
LARGE: Final = "Ask for less: the call itself took effect."
_SHOWN: Final = 500
# How the SDK begins errors that it makes itself.
_STREAM: Final = "SSE stream"
_UNREADABLE: Final = ("Unexpected content type", "Failed to parse", "server answered a request with 202")


@dataclass(frozen=True, slots=True)
class CallState:
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
class RetryInNewSession:
    """The server has not looked at the request, which is made once more in a new session."""

    why: str


def call_fault(error: MCPError, state: CallState) -> McpFault | RetryInNewSession:
    """The fault of a call, or that it may be made again because nothing of it was read."""
    kind = kind_of(error)
    if kind is not None:
        return _transport_fault(kind, error.message, state)
    text = error.message[:1_000]
    # Servers answer with these two codes as well, so that a code alone proves nothing.
    if error.code == REQUEST_TIMEOUT and state.timed_out:
        return timed_out(state.server, state.timeout)
    if error.code == CONNECTION_CLOSED and state.closed:
        return McpClosed(state.server, "the connection was closed during the call.", UNKNOWN)
    if text.startswith(_STREAM) and "byte limit" in text:
        return McpTooLarge(state.server, "its answer is over the limit of bytes.", LARGE)
    if error.code == CONNECTION_CLOSED and (state.over or text == "Connection closed" or text.startswith(_STREAM)):
        return McpLost(state.server, f"the connection was lost during the call: {state.over or text}.", UNKNOWN)
    if text.startswith(_UNREADABLE):
        return unreadable(state.server, text)
    return McpRefused(state.server, f"it answered with error {error.code}: {text}")


def timed_out(server: str, seconds: float) -> McpTimedOut:
    """The fault of a call that had no answer in time."""
    return McpTimedOut(server, f"it did not answer within {seconds:g} s.", UNKNOWN)


def unreadable(server: str, text: str) -> McpLost:
    """The fault of a call that was answered with something that is not an answer of the protocol."""
    return McpLost(server, f"its answer cannot be read: {text[:_SHOWN].rstrip('.')}.", UNKNOWN)


def _transport_fault(kind: FaultKind, text: str, state: CallState) -> McpFault | RetryInNewSession:
    match kind:
        case "session":
            return RetryInNewSession(text)
        case "unsent":
            return (
                RetryInNewSession(state.over)
                if state.over
                else McpUnavailable(state.server, f"it cannot be reached: {text}.")
            )
        case "lost":
            return McpLost(state.server, f"the connection was lost during the call: {text}.", UNKNOWN)
        case "unreadable":
            return unreadable(state.server, text)
        case "refused":
            return McpRefused(state.server, f"it refuses the request: {text}.", "Check its headers, or log in again.")
        case "large":
            return McpTooLarge(state.server, f"{text}.", LARGE)
