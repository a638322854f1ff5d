"""Sessions in PostgreSQL while its processes are ended or killed: no turn fails, nothing is written twice or lost."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from lightagent import LightAgent
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from tests.servers.postgres import PostgresServer
from tests.support.postgres_stores import ANN, CHAT, Place

TURNS = int(os.environ.get("TEST_TERMINATED_TURNS", "40"))
EVERY = 0.5 if TURNS >= 1000 else 0.2
"""Seconds between two moments at which all connections are ended."""
KILLS = max(1, int(os.environ.get("TEST_KILLS", "2")) // 2)


@pytest.fixture
def place(postgres: PostgresServer) -> Place:
    return Place(postgres)


@pytest.mark.timeout(1800)
async def test_no_turn_of_a_session_fails_while_connections_are_ended(place: Place) -> None:
    store = place.store()
    model = ScriptedModel(lambda request: f"Heard {request.messages[-1].content}.")
    agent = LightAgent(model=model, session_store=store)
    with place.terminating(every=EVERY) as counts:
        for turn in range(TURNS):
            answer = await agent.arun(f"turn {turn}", session_id="s", user_id="ann")
            assert answer == f"Heard turn {turn}."
        while sum(counts) < 3:  # However fast the turns were, connections were ended among them.
            await store.read(CHAT)
    found = [message["content"] for message in await Sessions(place.store()).messages("s", "ann")]
    assert found == [text for turn in range(TURNS) for text in (f"turn {turn}", f"Heard turn {turn}.")]
    page = await store.list(StreamQuery())
    assert [stream.head for stream in page.streams] == [4 * TURNS]  # An event that is there twice would be one more.
    await agent.aclose()
    await store.aclose()


DEEDS: dict[str, Callable[[PostgresJournalStore], Awaitable[object]]] = {
    "an append": lambda store: store.append(CHAT, [Draft("2"), Draft("3")], expected=1, at=1.0),
    "a lease": lambda store: store.lease(CHAT, "me", 60.0),
    "forgetting": lambda store: store.forget(CHAT),
}
HEADS = {"an append": 3, "a lease": 1, "forgetting": 0}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deed", DEEDS)
async def test_a_process_of_the_server_that_is_killed_within_a_deed_costs_time_and_nothing_else(
    place: Place, deed: str
) -> None:
    import psycopg

    for _ in range(KILLS):
        await place.store().forget(ANN)
        store = place.store()
        await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
        async with AsyncExitStack() as stack:
            other = await psycopg.AsyncConnection.connect(place.server.url)
            stack.push_async_callback(other.close)
            await other.execute(f"SELECT FROM {place.schema_name}.streams FOR UPDATE".encode())
            under_way = asyncio.ensure_future(DEEDS[deed](store))
            while not await asyncio.to_thread(place.waiting):
                pass
            place.kill()
            result = await under_way
        found = await place.store().read(CHAT)
        assert (found.stream.head, len(found.entries)) == (HEADS[deed], HEADS[deed])
        if deed == "a lease":
            assert found.stream.holder == "me"
        assert result
        await store.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.timeout(600)
async def test_a_server_that_is_killed_among_appends_loses_and_doubles_nothing(place: Place) -> None:
    store = place.store(connections=4)
    keys = [StreamKey(ANN, "run", str(number)) for number in range(4)]
    over = asyncio.Event()

    async def write(key: StreamKey) -> int:
        head = 0
        while not over.is_set():
            assert await store.append(key, [Draft(f'"{head}"')], expected=head, at=1.0) == head + 1
            head += 1
        return head

    writers = [asyncio.create_task(write(key)) for key in keys]
    for kind in ("checkpointer", "walwriter", "client backend") * KILLS:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(place.kill, kind)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    over.set()
    heads = await asyncio.gather(*writers)
    for key, head in zip(keys, heads, strict=True):
        contents = list[str]()
        while len(contents) < head:
            contents += [entry.content for entry in (await store.read(key, len(contents))).entries]
        assert contents == [f'"{number}"' for number in range(head)]
        assert (await store.read(key)).stream.head == head
    await store.aclose()
