"""The journal store for PostgreSQL where connections are lost, and where many loops and processes write at once."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.journals.postgres.forgetting import Forgetting
from lightagent.adapters.journals.postgres.writing import Append, Leasing
from lightagent.domain.errors import ConfigurationError, Fenced, LeaseHeld, StoreError, StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from tests.servers.leaks import LeakCheck
from tests.servers.postgres import PostgresServer
from tests.support.postgres_stores import ANN, CHAT, Place

APPEND_IN_A_PROCESS = """
import asyncio, sys
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.domain.errors import StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope

async def main(url, schema_name, name):
    store, head = PostgresJournalStore(url, schema_name=schema_name), 0
    for turn in range(50):
        while True:
            try:
                key = StreamKey(Scope("acme", "ann"), "session", "chat")
                head = await store.append(key, [Draft(f'"{name}.{turn}"')], expected=head, at=1.0)
                break
            except StreamConflict as conflict:
                head = conflict.actual

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def place(postgres: PostgresServer) -> Place:
    return Place(postgres)


async def contents(store: PostgresJournalStore, key: StreamKey = CHAT) -> list[str]:
    return [entry.content for entry in (await store.read(key)).entries]


async def test_connections_that_are_ended_all_the_time_lose_and_double_nothing(place: Place, leaks: LeakCheck) -> None:
    store = place.store(connections=4)
    keys = [StreamKey(ANN, "run", str(number)) for number in range(4)]

    async def write(key: StreamKey) -> None:
        for turn in range(50):
            assert await store.append(key, [Draft(f'"{turn}"')], expected=turn, at=1.0) == turn + 1

    with place.terminating(every=0.05) as counts:
        await asyncio.gather(*map(write, keys))
        while len(counts) < 5:  # However fast the appends were, connections were ended among them.
            await store.read(CHAT)
    assert sum(counts) >= 5
    for key in keys:
        assert await contents(store, key) == [f'"{turn}"' for turn in range(50)]
    await store.aclose()


async def test_idle_connections_that_were_ended_are_replaced_without_an_error(place: Place) -> None:
    store = place.store(connections=8)
    await asyncio.gather(*(store.read(CHAT) for _ in range(50)))
    for turn in range(3):
        assert place.terminate() >= 1
        assert await store.append(CHAT, [Draft("1")], expected=turn, at=1.0) == turn + 1
    await store.aclose()


async def test_an_append_whose_acknowledgement_was_lost_knows_what_it_has_written(place: Place) -> None:
    store = place.store()
    database = store.database()
    for expected in (0, 2):
        append = Append(CHAT, [Draft("1"), Draft("2")], expected, 1.0, None, None, "")
        assert await database.run(append) == await database.run(append) == expected + 2
    token = (await store.lease(CHAT, "me", 60.0)).token
    leased = Append(CHAT, [Draft("1"), Draft("2")], 4, 1.0, None, token, "")
    assert await database.run(leased) == 6
    # Others went on since.
    await store.lease(CHAT, "me", 0.0, token)
    assert await store.append(CHAT, [Draft("3")], expected=6, at=1.0) == 7
    assert await database.run(leased) == 6
    assert await contents(store) == ["1", "2", "1", "2", "1", "2", "3"]
    # The same content of somebody else is not taken for it.
    with pytest.raises(StreamConflict):
        await store.append(CHAT, [Draft("1"), Draft("2")], expected=4, at=1.0)
    await store.aclose()


async def test_a_lease_whose_acknowledgement_was_lost_is_given_again(place: Place) -> None:
    store = place.store()
    first = Leasing(CHAT, "me", 60.0, None)
    lease = await store.database().run(first)
    assert await store.database().run(first) == lease
    with pytest.raises(LeaseHeld):
        await store.lease(CHAT, "me", 60.0)
    release = Leasing(CHAT, "me", 0.0, lease.token)
    await store.database().run(release)
    await store.database().run(release)
    with pytest.raises(Fenced):
        await store.lease(CHAT, "me", 0.0, lease.token)
    await store.aclose()


async def test_what_was_forgotten_is_counted_though_the_acknowledgement_was_lost(place: Place) -> None:
    store = place.store()
    await store.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0)
    for forgetting, count in (
        (Forgetting(CHAT, 2, None), 1),
        (Forgetting(CHAT, None, 2), 1),
        (Forgetting(ANN, None, None), 0),
    ):
        assert await store.database().run(forgetting) == await store.database().run(forgetting) == count
    await store.aclose()


# What a transaction pooler does: the next transaction may meet a session that knows nothing of the one before.
OTHER_SESSION = "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"


async def test_without_prepared_statements_nothing_is_expected_of_the_session(place: Place) -> None:
    store = place.store(connections=1, prepared_statements=False)
    for turn in range(8):
        for use in (
            lambda: store.append(CHAT, [Draft("1")], expected=turn, at=1.0, labels={"turn": "last"}),  # noqa: B023
            lambda: store.read(CHAT),
            lambda: store.list(StreamQuery(labels={"turn": "last"})),
            lambda: _lease_and_release(store),
        ):
            await use()
            await store.database().run(lambda session: session.execute(OTHER_SESSION))
    (timeout,) = await store.database().run(lambda session: session.rows("SHOW statement_timeout", {}))
    assert timeout == ("0",)
    await store.aclose()


async def test_prepared_statements_that_are_not_kept_are_told_with_the_option(place: Place) -> None:
    store = place.store(connections=1)
    for turn in range(8):
        await store.append(CHAT, [Draft("1")], expected=turn, at=1.0)
    await store.database().run(lambda session: session.execute(OTHER_SESSION))
    with pytest.raises(ConfigurationError, match="prepared statement") as failed:
        await store.append(CHAT, [Draft("1")], expected=8, at=1.0)
    assert "prepared_statements" in failed.value.guidance
    await store.aclose()


async def _lease_and_release(store: PostgresJournalStore) -> None:
    lease = await store.lease(CHAT, "me", 60.0)
    await store.lease(CHAT, "me", 0.0, lease.token)


async def test_the_connections_of_a_store_that_is_forgotten_are_closed(place: Place, leaks: LeakCheck) -> None:
    store = place.store()
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    found = await store.read(CHAT, after=1, wait=0.01)
    assert found.entries == ()
    del store
    gc.collect()


def test_two_loops_share_a_store_though_each_has_fewer_connections_than_tasks(place: Place, leaks: LeakCheck) -> None:
    store = place.store(connections=2)

    async def in_loop(number: int) -> int:
        async def write(turn: int) -> None:
            await store.append(StreamKey(ANN, "run", f"{number}.{turn}"), [Draft("1")], expected=0, at=1.0)

        await asyncio.gather(*map(write, range(40)))
        return len((await store.list(StreamQuery(kind="run"))).streams)

    for _ in range(2):  # Loops of which nobody closed the store, as asyncio.run leaves them.
        with ThreadPoolExecutor(2) as threads:
            counts = [*threads.map(lambda number: asyncio.run(in_loop(number)), range(2))]
        assert max(counts) == 80
        asyncio.run(_forget_everything(store))


async def _forget_everything(store: PostgresJournalStore) -> None:
    assert await store.forget(ANN) == 80
    await store.aclose()


def test_two_processes_write_to_one_stream_and_make_the_tables_together(place: Place) -> None:
    command = [sys.executable, "-c", APPEND_IN_A_PROCESS, place.server.url, place.schema_name]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in ("a", "b")]
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    found = asyncio.run(contents(place.store()))
    for name in ("a", "b"):
        assert [one for one in found if name in one] == [f'"{name}.{turn}"' for turn in range(50)]
    assert len(found) == 100


async def test_many_who_wait_need_few_connections_and_are_all_told(place: Place, leaks: LeakCheck) -> None:
    store = place.store(connections=2)
    keys = [StreamKey(ANN, "run", str(number)) for number in range(20)]
    readers = [asyncio.create_task(store.read(key, wait=30.0)) for key in keys for _ in range(3)]
    tail = asyncio.create_task(store.read(CHAT, after=-1, wait=30.0))
    late = asyncio.create_task(store.read(CHAT, after=1, wait=30.0))
    await asyncio.sleep(0)
    for key in keys:
        await store.append(key, [Draft("1")], expected=0, at=1.0)
    assert [len(found.entries) for found in await asyncio.gather(*readers)] == [1] * 60
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    assert [entry.content for entry in (await tail).entries] == ["1"]
    await store.append(CHAT, [Draft("2")], expected=1, at=1.0)
    assert [entry.content for entry in (await late).entries] == ["2"]
    assert place.connections() <= 2
    await store.aclose()


async def test_who_waits_while_connections_are_ended_is_told_all_the_same(place: Place) -> None:
    store = place.store()
    reader = asyncio.create_task(store.read(CHAT, wait=30.0))
    with place.terminating(every=0.02) as counts:
        while sum(counts) < 3:
            await store.read(StreamKey(ANN, "run", "other"))
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    assert [entry.content for entry in (await reader).entries] == ["1"]
    await store.aclose()


async def test_an_append_that_is_cancelled_while_the_server_waits_is_cancelled_there_too(place: Place) -> None:
    import psycopg

    store = place.store(connections=1)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    async with await psycopg.AsyncConnection.connect(place.server.url) as other:
        await other.execute(f"SELECT FROM {place.schema_name}.streams FOR UPDATE".encode())
        append = asyncio.create_task(store.append(CHAT, [Draft("2")], expected=1, at=1.0))
        while not await asyncio.to_thread(place.waiting):
            pass
        append.cancel()
        await asyncio.wait([append])
        assert append.cancelled()
        assert place.waiting() == 0
    assert await store.append(CHAT, [Draft("3")], expected=1, at=1.0) == 2
    assert await contents(store) == ["1", "3"]
    await store.aclose()


async def test_a_cancelled_reader_leaves_nothing_behind(place: Place, leaks: LeakCheck) -> None:
    store = place.store()
    reader = asyncio.create_task(store.read(CHAT, wait=30.0))
    await store.append(StreamKey(ANN, "run", "other"), [Draft("1")], expected=0, at=1.0)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader
    await store.aclose()


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.append(CHAT, [Draft("2")], expected=1, at=1.0),
        lambda store: store.read(CHAT),
        lambda store: store.list(StreamQuery()),
        lambda store: store.lease(CHAT, "me", 60.0),
        lambda store: store.forget(CHAT),
    ],
    ids=["append", "read", "list", "lease", "forget"],
)
async def test_a_server_that_comes_back_is_waited_for_and_one_that_does_not_is_named(
    postgres: PostgresServer, use: Callable[[PostgresJournalStore], Awaitable[object]]
) -> None:
    place = Place(postgres)
    postgres.execute(f"CREATE DATABASE {place.schema_name}")
    store = place.store(postgres.url.replace("/postgres?", f"/{place.schema_name}?"), connection_timeout=0.5)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    postgres.execute(f"ALTER DATABASE {place.schema_name} ALLOW_CONNECTIONS false")
    place.terminate()
    with pytest.raises(StoreError, match="not currently accepting connections") as failed:
        await use(store)
    assert failed.value.retryable
    postgres.execute(f"ALTER DATABASE {place.schema_name} ALLOW_CONNECTIONS true")
    patient = place.store(store.address.url)
    await use(patient)
    await patient.aclose()
    await store.aclose()
    postgres.execute(f"DROP DATABASE {place.schema_name} WITH (FORCE)")
