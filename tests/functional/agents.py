"""How the functional tests run an agent: a plain and a streamed run, brought to one form."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from typing_extensions import Unpack

from lightagent import LightAgent, RunOptions, RunResult, StreamEvent
from lightagent.adapters.chat.openai import OpenAIChatModel
from tests.servers.aimock import JournalEntry
from tests.servers.fault_records import RecordedConnection, RecordedRequest
from tests.servers.fault_server import Scenario
from tests.servers.json_values import JsonObject, as_list, as_object
from tests.support.loop_clock import HeldClock, eventually

KEY = "sk-secret-0123456789"
DEADLINE = 30.0
"""Seconds after which a run hangs."""
NEVER = 3600.0
"""Seconds of a limit that no run of these tests may need."""
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@dataclass(frozen=True)
class Ending:
    """What became of a run: its result, what a stream showed on the way, and how long it took by its loop's clock."""

    result: RunResult[str]
    events: list[StreamEvent]
    seconds: float

    @property
    def code(self) -> str | None:
        return self.result.error.code if self.result.error is not None else None

    @property
    def message(self) -> str:
        return self.result.error.message if self.result.error is not None else ""

    @property
    def live(self) -> str:
        """The text that a stream showed."""
        return "".join(str(event.data["text"]) for event in self.events if event.type == "content")

    @property
    def calls(self) -> list[tuple[str, str | None, str]]:
        """Name, output and status of every call."""
        return [(call.name, call.output, call.status) for call in self.result.tool_calls]


async def ask(
    agent: LightAgent[None, str],
    query: str,
    /,
    *,
    stream: bool,
    within: float = DEADLINE,
    **options: Unpack[RunOptions],
) -> Ending:
    """The end of one run, however it is watched."""
    time = asyncio.get_running_loop().time
    began = time()
    events: list[StreamEvent] = []
    async with asyncio.timeout(within):
        if not stream:
            result = await agent.arun(query, result_format="object", **options)
            return Ending(result, events, time() - began)
        events += [event async for event in agent.astream(query, result_format="event", **options)]
    seconds = time() - began
    journal = agent.export_journal()
    assert journal is not None
    ending = Ending(agent.replay(journal), events, seconds)
    _check_stream(ending)
    return ending


def _check_stream(ending: Ending) -> None:
    """What holds for every stream: it ends with `done`, and says the same as the result."""
    *_, last = ending.events
    assert last.type == "done"
    assert last.data["outcome"] == ending.result.outcome.kind
    assert [event.data["code"] for event in ending.events if event.type == "error"] == (
        [] if ending.code is None else [ending.code]
    )
    if ending.result.success:
        assert ending.live.endswith(ending.result.content)


@asynccontextmanager
async def agent_at(
    base_url: str,
    *tools: Callable[..., object],
    attempt: float = NEVER,
    idle_timeout: float = NEVER,
    connect_timeout: float = NEVER,
) -> AsyncIterator[LightAgent[None, str]]:
    """An agent of that endpoint, closed at the end; `attempt`: seconds for one attempt at a request."""
    model = OpenAIChatModel(
        "m", KEY, base_url, timeout=attempt, idle_timeout=idle_timeout, connect_timeout=connect_timeout
    )
    agent = LightAgent(model=model, tools=tools)
    try:
        yield agent
    finally:
        await agent.aclose()


async def send_piece_by_piece(scenario: Scenario, clock: HeldClock, seconds: float) -> None:
    """Let the one request of a scenario with `by_turns` be answered, its pieces so many seconds apart."""
    await eventually(lambda: scenario.connections)
    (connection,), (request,) = scenario.connections, scenario.requests
    for turns in itertools.count(1):
        if request.answered:
            return
        await clock.advance(seconds)
        before, connection.turns = connection.sent, turns
        await eventually(partial(_has_moved, request, connection, before))


def _has_moved(request: RecordedRequest, connection: RecordedConnection, sent: int) -> bool:
    return request.answered or connection.sent > sent


@dataclass
class Tools:
    """Two tools, and the record of what they did."""

    done: list[str] = field(default_factory=list)

    def add(self, a: int, b: int) -> int:
        """Add two numbers."""
        self.done.append(f"add {a} {b}")
        return a + b

    async def weather(self, city: str) -> str:
        """The weather in a city."""
        await asyncio.sleep(0.05)
        self.done.append(f"weather {city}")
        return f"It is sunny in {city}."


def sent(body: JsonObject) -> list[JsonObject]:
    """The messages of a request."""
    return [as_object(message) for message in as_list(body["messages"])]


def roles(entry: JournalEntry) -> list[str]:
    return [str(message["role"]) for message in sent(entry.body)]
