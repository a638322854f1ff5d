"""The two streams between the SDK and a connection that carries all messages in one sequence: stdio and SSE.

They use neither a task nor a queue. Once the server can no longer answer, each waiting request gets its own error, so
that every caller learns what became of its call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from lightagent.adapters.mcp.sdk.faults import fault_data, fault_error
from lightagent.adapters.mcp.sdk.lines import LongLine
from lightagent.adapters.mcp.sdk.message_streams import Incoming, Outgoing
from lightagent.adapters.mcp.sdk.messages import Unreadable, read_message

_SHOWN: Final = 500

Said: TypeAlias = Callable[[str], None]
"""Takes output that is not a message, such as what a server writes to its standard error."""


class Pipe:
    """What reader and writer both know.

    Args:
        limit: bytes of a message.
        over: told once the server takes no request any more.

    Attributes:
        ended: why it takes none; empty as long as it does.
    """

    def __init__(self, limit: int, over: Callable[[str], None], said: Said) -> None:
        self.limit = limit
        self.said = said
        self.ended: str = ""
        self.ready: deque[SessionMessage] = deque()
        self._over = over
        self._lost = False
        self._pending: dict[int | str, bool] = {}  # True: it is written, and waits for an answer.

    def expect(self, request: int | str) -> None:
        """A request is being written; the writer raises where that fails."""
        self._pending[request] = False

    def written(self, request: int | str) -> None:
        """It is written.

        Raises:
            MCPError: and cannot be answered any more.
        """
        if request not in self._pending:
            return  # It has its answer already.
        if self._lost:
            del self._pending[request]
            raise fault_error("lost", self.ended)
        self._pending[request] = True

    def forget(self, request: object) -> bool:
        """Take the request from those that wait for an answer; whether it was one of them."""
        known = isinstance(request, int | str) and request in self._pending
        if isinstance(request, int | str):
            self._pending.pop(request, None)
        return known

    def take(self, data: bytes | str) -> None:
        """A message came."""
        message = read_message(data)
        if isinstance(message, Unreadable):
            shown = data[:_SHOWN]
            self.said(f"no message: {shown if isinstance(shown, str) else shown.decode(errors='replace')}")
            if message.request_id is not None and self.forget(message.request_id):
                self.ready.append(_error(message.request_id, fault_data("unreadable", message.why)))
            return
        if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
            self.forget(message.id)
        self.ready.append(SessionMessage(message))

    def too_long(self, line: LongLine) -> None:
        """Answer the request that the line answered. Where it does not say which, all that wait: it was one of them."""
        text = f"an answer of {line.size:,} bytes is over the limit of {self.limit:,}"
        known = line.request_id
        concerned = list(self._pending) if known is None else [known] if known in self._pending else []
        for request in concerned:
            self.forget(request)
            self.ready.append(_error(request, fault_data("large" if len(concerned) == 1 else "lost", text)))
        self.said(f"a message of {line.size:,} bytes was thrown away")

    def give_up(self, why: str) -> None:
        """The server takes no request any more; what waits may still be answered."""
        if not self.ended:
            self.ended = why
            self._over(why)

    def lose_all(self) -> None:
        """Nothing can come any more."""
        self._lost = True
        for request in [request for request, written in self._pending.items() if written]:
            del self._pending[request]
            self.ready.append(_error(request, fault_data("lost", self.ended)))


class PipeReader(Incoming):
    """The messages of the server.

    Args:
        more: waits for what comes next and puts it into the pipe; a text says why there is nothing more.
    """

    def __init__(self, pipe: Pipe, more: Callable[[], Awaitable[str]]) -> None:
        self._pipe = pipe
        self._more = more
        self._closed = False

    async def receive(self) -> SessionMessage | Exception:
        """The next message; waits for ever once there can be none, until the session is closed."""
        pipe = self._pipe
        while not pipe.ready:
            if self._closed:
                await anyio.sleep_forever()
            if why := await self._more():
                self._closed = True
                pipe.give_up(why)
                pipe.lose_all()
        return pipe.ready.popleft()


class PipeWriter(Outgoing):
    """Writes messages, and remembers which of them wait for an answer.

    Args:
        write: writes one message; raises an error of `faults` where it cannot.
    """

    def __init__(self, pipe: Pipe, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._pipe = pipe
        self._write = write

    async def send(self, item: SessionMessage, /) -> None:
        """Write one message.

        Raises:
            MCPError: it is a request, and cannot be answered.
            anyio.BrokenResourceError: it is something else, and cannot be written.
        """
        message, pipe = item.message, self._pipe
        if isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            pipe.forget((message.params or {}).get("requestId"))  # The server may never answer it.
        data = message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        if not isinstance(message, types.JSONRPCRequest):
            await self._tell(data)
            return
        if pipe.ended:
            raise fault_error("unsent", pipe.ended)
        pipe.expect(message.id)
        try:
            await self._write(data)
        except MCPError:
            if pipe.forget(message.id):  # Else it has its answer already.
                raise
        else:
            pipe.written(message.id)

    async def _tell(self, data: bytes) -> None:
        if self._pipe.ended:
            raise anyio.BrokenResourceError
        try:
            await self._write(data)
        except MCPError:
            raise anyio.BrokenResourceError from None


def _error(request: int | str, data: types.ErrorData) -> SessionMessage:
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=request, error=data))
