"""Hundreds of clients that leave, over sockets: their models are let go, no tool begins, and nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from lightagent import LightAgent, OpenAIChatModel, Runs, serve
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.domain.outcomes import Cancelled, Completed
from lightagent.domain.runs.events import RunFinished
from lightagent.entrypoints.serving.connections import CLIENT_LEFT
from lightagent.entrypoints.serving.state import Serving
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.leaving_clients import LeavingClient, talkative_model
from tests.support.patience import PATIENCE, eventually
from tests.support.served import served

STREAMS = int(os.environ.get("TEST_LEFT_STREAMS", "48"))
"""Clients that leave one by one; `make soak` has 200 of them."""

DROPPED = int(os.environ.get("TEST_DROPPED_STREAMS", "80"))
"""Clients of which all but eight leave at once; `make soak` has 600."""

AT_ONCE = 24
WARM_UP = -1
STAY = 8
_LOG = logging.getLogger(__name__)
"""The figures, for who runs the tests with --log-cli-level=INFO."""

MANY = ServeSettings(runs=1_000, runs_of_key=1_000)


class InLoop:
    """An application that tells in which event loop it is served."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        self.loop = asyncio.get_running_loop()
        await self._app(scope, receive, send)

    def tasks(self) -> int:
        """The tasks of that loop that go on."""
        return 0 if self.loop is None else len(asyncio.all_tasks(self.loop))


class Begun:
    """Two tools that note when they begin, for whom; the second one cannot be interrupted."""

    def __init__(self) -> None:
        self.at: list[tuple[int, float]] = []

    def by(self, who: int) -> int:
        """How many have begun for a client."""
        return sum(one == who for one, _ in self.at)

    async def look(self, who: int) -> str:
        """Look."""
        self.at.append((who, time.monotonic()))
        await asyncio.sleep(0.02)
        return "seen"

    def think(self, who: int) -> str:
        """Think hard."""
        self.at.append((who, time.monotonic()))
        time.sleep(0.02)
        return "thought"


async def test_clients_that_leave_at_random_moments_end_their_runs() -> None:
    """Before the first byte, in a text, in a tool, streamed or not."""
    begun, store, chance = Begun(), MemoryJournalStore(), random.Random(20261130)
    left = {WARM_UP: float("inf")}
    moments: Counter[str] = Counter()

    async def leave(base: str, who: int) -> None:
        moment = ("at once", "before the first byte", "in the text", "in a tool")[who % 4]
        client = await LeavingClient.ask(base, who, stream=who // 4 % 4 != 3 or moment == "in the text")
        match moment:
            case "before the first byte":
                assert await eventually(lambda: model.of(who))
            case "in the text":
                await client.until(b'"content":"on ')
            case "in a tool":
                turns = chance.randrange(1, 4)
                assert await eventually(lambda: begun.by(who) >= turns)
            case _:
                pass
        await asyncio.sleep(0.01 * chance.random())
        moments[moment] += 1
        left[who] = time.monotonic()
        client.leave(abruptly=who % 2 == 0)

    async with talkative_model("look", "think") as model:
        chat_model = OpenAIChatModel("m", api_key="x", base_url=model.url)
        agent = LightAgent(name="helper", model=chat_model, tools=[begun.look, begun.think])
        app = serve(agent, store=store, settings=MANY)
        serving: Serving = app.state.serving
        with served(app, MANY) as base:
            await _warmed_up(base, begun)
            for first in range(0, STREAMS, AT_ONCE):
                await asyncio.gather(*(leave(base, who) for who in range(first, min(first + AT_ONCE, STREAMS))))
            assert await eventually(lambda: not serving.slots.active and not len(serving.active))
            assert await eventually(lambda: all(one.ended or one.closed for one in model.asked))
    began_later = [at - left[who] for who, at in begun.at if at > left[who]]
    closed_later = [one.closed - left[one.who] for one in model.asked if one.closed is not None and one.who != WARM_UP]
    _LOG.info("The last tool began after %s, the model was let go after %s.", *map(_most, (began_later, closed_later)))
    _LOG.info("They left: %s.", dict(moments))
    assert len(left) == STREAMS + 1
    assert max([0.0, *began_later, *closed_later]) < PATIENCE
    assert closed_later
    runs = [await Runs(store).journal(info.run_id) async for info in Runs(store).list()]
    ends = [journal.events[-1] for journal in runs if journal is not None]
    outcomes = Counter(end.outcome if isinstance(end, RunFinished) else None for end in ends)
    assert set(outcomes) == {Cancelled(CLIENT_LEFT)}


async def _warmed_up(base: str, begun: Begun) -> None:
    """A first client has seen it all, so that what is loaded at first use troubles none of the others."""
    client = await LeavingClient.ask(base, WARM_UP)
    await client.until(b'"content":"on ')
    assert await eventually(lambda: len(begun.at) >= 2)
    client.leave()


def _most(seconds: list[float]) -> str:
    """The longest, and how many there were."""
    return f"{max(seconds, default=0) * 1000:.0f} ms at the latest ({len(seconds)} times)"


class Waiting(ChatModel):
    """Says a word, and the rest once it may."""

    name = "waiting"

    def __init__(self) -> None:
        self.asked = 0
        self.given_up = 0
        self._may_go_on = False
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def let_go(self, *, from_now_on: bool = True) -> None:
        """Have all of them go on; those that come later as well, unless they are to wait again."""
        self._may_go_on = from_now_on
        for event, loop in [*self._waiting.items()] if from_now_on else ():
            loop.call_soon_threadsafe(event.set)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        self.asked += 1
        try:
            yield TextDelta("Well, ")
            if not self._may_go_on:
                await event.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            del self._waiting[event]
        yield TextDelta("that is it.")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def many(base: str, number: int) -> AsyncIterator[list[LeavingClient]]:
    """So many clients, each of which has seen the first word."""
    clients = list[LeavingClient]()
    try:
        for who in range(number):
            clients.append(await LeavingClient.ask(base, who))
        for client in clients:
            await client.until(b"Well")
        yield clients
    finally:
        for client in clients:
            client.leave()


async def test_nearly_all_clients_leave_at_once_and_the_server_goes_on() -> None:
    _allow_files(4 * DROPPED)
    model = Waiting()
    app = serve(LightAgent(name="helper", model=model), settings=MANY)
    serving, watched = app.state.serving, InLoop(app)
    sizes = list[int]()
    with served(watched, MANY) as base:
        await _healthy(base)
        tasks = watched.tasks()
        for _ in range(4):
            model.let_go(from_now_on=False)
            async with many(base, DROPPED) as clients:
                assert serving.slots.active == DROPPED
                for client in clients[STAY:]:
                    client.leave(abruptly=True)
                await _healthy(base)
                assert await eventually(lambda: serving.slots.active == STAY)
                model.let_go()
                for client in clients[:STAY]:
                    await client.until(b"[DONE]")
            assert await eventually(lambda: not serving.slots.active and watched.tasks() <= tasks)
            del clients, client
            gc.collect()
            sizes.append(len(gc.get_objects()))
    assert model.given_up == 4 * (DROPPED - STAY)
    _LOG.info("Objects after each round: %s.", sizes)
    assert min(sizes[2:]) - sizes[1] < 3 * DROPPED, "something of each client stays"


async def _healthy(base: str) -> None:
    """The server answers someone else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert b"200 OK" in await reader.read()
    writer.close()


def _allow_files(wanted: int) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


@pytest.mark.parametrize("stream", [True, False])
async def test_by_setting_runs_go_on_without_their_clients(stream: bool) -> None:
    model, store = Waiting(), MemoryJournalStore()
    settings = ServeSettings(on_disconnect="finish")
    app = serve(LightAgent(name="helper", model=model), store=store, settings=settings)
    with served(app, settings) as base:
        client = await LeavingClient.ask(base, 1, stream=stream)
        assert await eventually(lambda: model.asked)
        client.leave(abruptly=True)
        await _healthy(base)
        model.let_go()
        assert await eventually(lambda: not app.state.serving.slots.active)
    (info,) = [info async for info in Runs(store).list()]
    journal = await Runs(store).journal(info.run_id)
    assert journal is not None
    end = journal.events[-1]
    assert isinstance(end, RunFinished)
    assert end.outcome == Completed("Well, that is it.")
