"""The sessions of one server in one event loop: at most one takes calls; it is opened when it is needed, and shared."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

from mcp.client import Client, InputRequiredRoundsExceededError
from mcp.shared.exceptions import MCPError

from lightagent.adapters.mcp.sdk.access import Access
from lightagent.adapters.mcp.sdk.calls import CURRENT, Call
from lightagent.adapters.mcp.sdk.faults import CallState, RetryInNewSession, call_fault, kind_of, timed_out, unreadable
from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.questions import Answerers
from lightagent.adapters.mcp.sdk.session import Session
from lightagent.aiokits.observed_work import MCP_REQUEST, Texts, observe
from lightagent.domain.mcp.faults import McpChanged, McpClosed, McpRefused, McpTimedOut, McpUnavailable
from lightagent.domain.mcp.servers import McpResult

T = TypeVar("T")

# What the SDK warns of becomes an error of a call or a remark; a program that configures no logging stays silent.
logging.getLogger("mcp").addHandler(logging.NullHandler())

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
CLOSE_SECONDS: Final = 10.0

TOOL_ERROR: Final = "tool_error"
"""What telemetry calls the fault of a tool that says of itself that it failed."""


class _NotRead(McpUnavailable):
    """The server has not looked at the request."""

    def __init__(self, server: str, why: str) -> None:
        super().__init__(server, why)
        self.why = why


class Moved(Exception):
    """The sessions were replaced by others before anything was sent."""


class Core:
    """Belongs to the loop in which it is made; all but `kill` is called there."""

    def __init__(self, memory: ServerMemory, answerers: Answerers, access: Access, idle: float | None) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._memory = memory
        self._make: Callable[[], Session] = lambda: Session(memory, answerers, access, self._opened, idle)
        self._current: Session | None = None
        self._sessions: set[Session] = set()
        self._stopped: Literal["", "moved", "closed"] = ""
        self._failures = 0
        self._not_before = 0.0
        self._why = ""

    @property
    def busy(self) -> bool:
        """Whether a call is under way, or a session opens."""
        return any(session.calls or not session.settled.is_set() for session in self._sessions)

    async def open(self) -> None:
        """Open a session unless one is open.

        Raises:
            McpUnavailable: it cannot be opened, or could not a moment ago.
        """
        await self._live()

    async def use(self, work: Callable[[Client], Awaitable[T]], call: Call, *, method: str = "", tool: str = "") -> T:
        """What `work` gives, with the client of a session that is open. It is done again only where nothing was sent.

        Args:
            method: of the one request that `work` makes, where telemetry is to know of it.
            tool: that it calls.

        Raises:
            McpFault: the class says what became of the request.
            Moved: others have taken the place of these sessions.
        """
        server = self._memory.server.name
        for last in (False, True):
            session = await self._live()
            if tool and self._memory.pins.is_blocked(tool):
                raise _changed(server, tool)
            try:
                if not method:
                    return await self._call_in(session, work, call, Texts())
                version = session.client.protocol_version
                with observe(MCP_REQUEST, session.route.facts(method, tool, version)) as told:
                    return await self._call_in(session, work, call, told)
            except _NotRead as unread:
                session.end(unread.why)
                if last:
                    raise McpUnavailable(server, unread.why) from None
        raise AssertionError("unreachable")

    async def _call_in(self, session: Session, work: Callable[[Client], Awaitable[T]], call: Call, said: Texts) -> T:
        """The same in one session; what an answer tells of a fault is said."""
        server = self._memory.server.name
        session.calls.begin(call)
        token, begun, answered = CURRENT.set(call), self.loop.time(), True
        try:
            answer = await work(session.client)
        except MCPError as error:
            fault = call_fault(error, self._call_state(session, begun))
            answered = not isinstance(fault, McpTimedOut)
            if isinstance(fault, RetryInNewSession):
                raise _NotRead(server, fault.why) from None
            if isinstance(fault, McpRefused) and kind_of(error) is None:
                said.fault = str(error.code)
            raise fault from None
        except TimeoutError:
            answered = False
            raise timed_out(server, self._memory.server.call_timeout or 0.0) from None
        except InputRequiredRoundsExceededError:
            raise McpRefused(server, "it asks for input again and again without an end.") from None
        except (ValueError, RuntimeError) as exc:  # How the SDK says that an answer does not fit the protocol.
            raise unreadable(server, str(exc)) from exc
        except asyncio.CancelledError:
            answered = False
            raise
        finally:
            CURRENT.reset(token)
            session.calls.end(call, answered=answered)
            session.left()
        if isinstance(answer, McpResult) and answer.is_error:
            said.fault = TOOL_ERROR
        return answer

    def retire(self) -> None:
        """Others take the place of these sessions, which end once their last calls have their answers."""
        self._stopped = self._stopped or "moved"
        for session in self._sessions:
            session.end("it has moved to another event loop")

    async def close(self) -> None:
        """End all sessions with the calls under way, and wait for their end, for a bounded time."""
        self._stopped = "closed"
        tasks = [session.task for session in self._sessions]
        for session in self._sessions:
            session.close()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """From any thread, where the loop does not run any more: end the processes."""
        self._stopped = self._stopped or "closed"
        for session in list(self._sessions):
            session.kill()

    async def _live(self) -> Session:
        """The session that takes calls."""
        while True:
            self._raise_if_stopped()
            session = self._current
            if session is None or session.over:
                session = self._begin()
            await session.settled.wait()
            if session.error and not session.legacy_next:
                self._raise_if_stopped()
                raise McpUnavailable(self._memory.server.name, f"{session.error}.")
            if not session.over:
                return session

    def _begin(self) -> Session:
        left = self._not_before - self.loop.time()
        if left > 0:
            raise McpUnavailable(self._memory.server.name, f"{self._why}. It is tried again in {left:.1f} s.")
        session = self._current = self._make()
        self._sessions.add(session)
        session.task.add_done_callback(lambda _: self._sessions.discard(session))
        return session

    def _opened(self, session: Session) -> None:
        """A session is open, or could not be opened."""
        if not session.error:
            self._failures = 0
        elif session.legacy_next:
            self._memory.era = "legacy"
        elif not self._stopped:
            pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE) * random.uniform(0.75, 1.25)
            self._failures += 1
            self._not_before, self._why = self.loop.time() + pause, session.error
            self._memory.remark("unavailable", session.error)

    def _call_state(self, session: Session, begun: float) -> CallState:
        timeout = self._memory.server.call_timeout
        return CallState(
            server=self._memory.server.name,
            closed=self._stopped == "closed",
            over=session.over,
            timed_out=timeout is not None and self.loop.time() - begun >= timeout,
            timeout=timeout or 0.0,
        )

    def _raise_if_stopped(self) -> None:
        if self._stopped == "moved":
            raise Moved
        if self._stopped == "closed":
            raise McpClosed(self._memory.server.name, "the connection was closed.")


def _changed(server: str, tool: str) -> McpChanged:
    return McpChanged(
        server,
        f"it declares the tool {tool!r:.100} differently than when it was first seen, so the tool is blocked.",
        "A human has to look at the new declaration and accept it.",
    )
