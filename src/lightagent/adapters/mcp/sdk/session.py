"""One session with a server, from its opening to its end. It is one task, which alone enters and leaves the client.

Callers do not queue: they use the client from tasks of their own in the loop of the session. A session that is over
takes no new call, and closes once the last one under way has its answer. One cancel scope, whose deadline is first that
of the opening, ends a hung connect and a close alike.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from typing import Final

import anyio
import mcp_types as types
from mcp.client import Client, IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError

from lightagent.adapters.mcp.sdk.access import Access
from lightagent.adapters.mcp.sdk.calls import CallsUnderWay
from lightagent.adapters.mcp.sdk.http_faults import describe
from lightagent.adapters.mcp.sdk.listing import list_tools
from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.questions import Answerers, Questions
from lightagent.adapters.mcp.sdk.routes import Route
from lightagent.adapters.mcp.sdk.transports import Watch, streams
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.mcp.servers import StdioServer
from lightagent.domain.secrets.masking import Mask, mask_named

MODERN: Final = "2026"
_LISTEN_AGAIN: Final = (1.0, 60.0)
_MOST_WORDS: Final = 500


class Session:
    """A session that begins to open when it is made.

    Args:
        opened: called once it is open, or could not be opened, before any caller goes on.
        idle: seconds without a call after which it ends by itself; None: never.

    Attributes:
        over: why it takes no new call; empty as long as it does.
        error: why it could not be opened; empty unless that is so.
        settled: it is open, or could not be opened.
        calls: those under way.
        route: the way to the server.
    """

    def __init__(
        self,
        memory: ServerMemory,
        answerers: Answerers,
        access: Access,
        opened: Callable[[Session], None],
        idle: float | None,
    ) -> None:
        self.over: str = ""
        self.error: str = ""
        self.settled: asyncio.Event = asyncio.Event()
        self.calls: CallsUnderWay = CallsUnderWay()
        self.route: Route = Route(memory.server)
        self.legacy_next: bool = False
        self._memory = memory
        self._answerers = answerers
        self._access = access
        self._opened = opened
        self._idle = idle
        self._client: Client | None = None
        self._wake = asyncio.Event()
        self._relist = False
        self._closing = False
        connection = memory.server.connection
        self._secrets = Mask(connection.env.values() if isinstance(connection, StdioServer) else ())
        self._last_words: deque[str] = deque(maxlen=8)
        self._scope = anyio.CancelScope()
        self._kill: Callable[[], None] | None = None
        name = f"lightagent-mcp-{memory.server.name}"
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(
            self._live(), name=name, context=Context()
        )

    @property
    def client(self) -> Client:
        """The client, once the session is open."""
        assert self._client is not None
        return self._client

    def end(self, why: str) -> None:
        """Take no new call; close once the last one has its answer."""
        if not self.over:
            self.over = why
            self._wake.set()

    def left(self) -> None:
        """A call has ended."""
        if self.over and not self.calls:
            self._wake.set()

    def close(self) -> None:
        """Close now, with the calls under way."""
        self._closing = True
        self.end("it was closed")
        self._scope.cancel()

    def kill(self) -> None:
        """From any thread, where the loop of the session does not run any more: end the process."""
        if self._kill is not None:
            self._kill()

    async def _live(self) -> None:
        """Raises nothing but a cancellation: an error is kept in `error` and `over`, where callers find it."""
        opening = "it could not be opened"
        try:
            await self._serve()
        except Exception as exc:  # An error of the SDK or the server ends this session, and nothing else.
            opening = described(exc)
        finally:
            was_open = self._client is not None
            if not was_open:
                self.error = self._reason(opening)
            self.end(self.over or self._reason(opening))
            if not was_open:
                self._opened(self)
            self.settled.set()
            if was_open and not self._closing:
                self._memory.remark("lost", f"the session has ended: {self.over}")

    def _reason(self, opening: str) -> str:
        if self._closing:
            return "it was closed"
        if self._scope.cancelled_caught:
            return f"it did not answer within {self._memory.server.open_timeout:g} s"
        if self.over:
            # Some servers of the older era end when they are asked whether they speak the newer one.
            asked = isinstance(self._memory.server.connection, StdioServer) and self._memory.era == "auto"
            self.legacy_next = asked and not self._memory.answered
            # Why it could not go on, such as a variable that is not set, a server says where people read it.
            words = self._secrets.text(mask_named(" / ".join(self._last_words)))[-_MOST_WORDS:]
            return f"{self.over}; it said: {words}" if words else self.over
        return opening

    async def _serve(self) -> None:
        memory = self._memory
        with self._scope:
            self._scope.deadline = anyio.current_time() + memory.server.open_timeout
            async with self._entered() as client:
                await self._list(client)
                memory.answered = True
                self._scope.deadline = math.inf
                modern = client.protocol_version >= MODERN
                memory.era = "auto" if modern else "legacy"
                self._client = client
                self._opened(self)
                self.settled.set()
                memory.remark("opened", f"a session is open, in protocol version {client.protocol_version}")
                async with anyio.create_task_group() as tasks:
                    if modern:
                        tasks.start_soon(self._follow, client)
                    await self._wait(client)
                    tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def _entered(self) -> AsyncGenerator[Client]:
        answerers, memory = self._answerers, self._memory
        questions = Questions(answerers, memory, self.calls, self.end)
        watch = Watch(self.end, self._record_output, self._started, self._without_deadline, self.route)
        async with Client(
            streams(memory, self._access, watch),
            mode=memory.era,
            cache=None,
            elicitation_callback=questions.elicit if answerers.elicitor else None,
            sampling_callback=questions.sample if answerers.sampler else None,
            list_roots_callback=None if answerers.roots is None else questions.roots,
            logging_callback=self._logged,
            log_level="info",
            message_handler=self._handle_notification,
            client_info=types.Implementation(name="lightagent", version="1"),
        ) as client:
            yield client

    @contextmanager
    def _without_deadline(self) -> Iterator[None]:
        left = self._scope.deadline - anyio.current_time()
        self._scope.deadline = math.inf
        try:
            yield
        finally:
            self._scope.deadline = anyio.current_time() + left

    def _record_output(self, text: str) -> None:
        if self._client is None:
            self._last_words.append(text)
        self._memory.remark("output", text)

    def _started(self, kill: Callable[[], None]) -> None:
        self._kill = kill

    async def _wait(self, client: Client) -> None:
        """Until the session is over and has answered all calls."""
        while not (self.over and not self.calls):
            self._wake.clear()
            if self._relist and not self.over:
                self._relist = False
                # Where that fails the list that is known stays; a lost connection shows elsewhere.
                with anyio.move_on_after(self._memory.server.open_timeout), suppress(MCPError, ValueError):
                    await self._list(client)
                    if not self._access.lists:
                        self._memory.doubt()
                continue
            with anyio.move_on_after(self._idle) as waiting:
                await self._wake.wait()
            if waiting.cancelled_caught and not self.calls:
                self.end("it was idle for too long")

    async def _list(self, client: Client) -> None:
        """List the tools, which the client has to know before it calls them."""
        tools = await list_tools(client, self._memory)
        if self._access.lists:
            await self._memory.listed(tools)

    async def _follow(self, client: Client) -> None:
        """In the newer era, changes of the list come through a subscription."""
        tools = client.server_capabilities.tools
        pause, longest = _LISTEN_AGAIN
        while tools is not None and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    pause, longest = _LISTEN_AGAIN
                    async for _ in changes:
                        self._list_again()
            except (MCPError, SubscriptionLost, ListenNotSupportedError):
                pass
            await anyio.sleep(pause)
            pause = min(pause * 2, longest)
            self._list_again()  # A change meanwhile was not notified.

    def _list_again(self) -> None:
        self._relist = True
        self._wake.set()

    async def _handle_notification(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._list_again()

    async def _logged(self, params: types.LoggingMessageNotificationParams) -> None:
        text = params.data if isinstance(params.data, str) else json.dumps(params.data)
        remark = McpRemark(self._memory.server.name, "log", text, level=params.level)
        call = self.calls.concerned()
        if call is None:
            self._memory.tell(remark)
        else:
            call.tell(remark)


def described(exc: BaseException) -> str:
    """What went wrong, in a line: the first leaf of a group."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if isinstance(exc, MCPError):
        return exc.message[:500]
    if isinstance(exc, FileNotFoundError):
        return f"there is no {exc.filename!r:.200}"
    return describe(exc)
