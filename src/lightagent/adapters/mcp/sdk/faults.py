"""How a transport of ours tells what became of a request: as a JSON-RPC error under a code that no server uses.

The SDK hands such an error to the one caller whose request it answers. Its own errors cannot be told apart: the codes
for a lost connection and for a timeout are also codes that servers answer with.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import mcp_types as types
from mcp.shared.exceptions import MCPError

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
    """What a transport of ours told by this error; None: it is the server's, or the SDK's."""
    data: object = error.data
    if error.code != CODE or not isinstance(data, dict):
        return None
    return _KINDS.get(data.get(_KEY))
