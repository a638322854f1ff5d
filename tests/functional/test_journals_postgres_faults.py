"""What the journal store for PostgreSQL says when something is wrong, and what it never says."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import (
    ConfigurationError,
    DamagedStream,
    LightAgentError,
    MissingExtraError,
    StoreError,
)
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from tests.servers.postgres import PASSWORD, PostgresServer
from tests.support.postgres_stores import ANN, BOB, CHAT, Place


@pytest.fixture
def place(postgres: PostgresServer) -> Place:
    return Place(postgres)


@pytest.mark.parametrize(
    ("address", "kind", "words", "advice"),
    [
        (lambda server: "postgresql://ann:hunter2-hunter2@127.0.0.1:1/x", StoreError, "cannot be reached", "firewall"),
        (lambda server: "postgresql://ann:hunter2-hunter2@nohost.invalid/x", StoreError, "cannot be reached", "host"),
        (
            lambda server: server.guest_url.replace(PASSWORD, "wrong-wrong-1"),
            ConfigurationError,
            "password authentication failed",
            "PGPASSWORD",
        ),
        (lambda server: server.url.replace("postgres:@", "nobody@"), ConfigurationError, "nobody", "user"),
        (
            lambda server: server.guest_url.replace("/postgres?", "/nowhere?"),
            ConfigurationError,
            '"nowhere" does not exist',
            "Create the database",
        ),
        (lambda server: f"{server.guest_url}&nonsense=1", ConfigurationError, "cannot read the URL", "parameters"),
        (lambda server: server.guest_url, ConfigurationError, "permission denied for database", "grant"),
    ],
    ids=["nothing listens", "no such host", "wrong password", "no such user", "no database", "bad URL", "no rights"],
)
async def test_a_server_that_cannot_be_used_is_told_with_what_to_do(
    place: Place, address: Callable[[PostgresServer], str], kind: type[LightAgentError], words: str, advice: str
) -> None:
    store = place.store(address(place.server))
    with pytest.raises(LightAgentError, match=words) as failed:
        await store.read(CHAT)
    assert type(failed.value) is kind
    assert advice in failed.value.guidance
    for text in (str(failed.value), repr(failed.value), repr(store), repr(store.address), str(store.address)):
        assert "hunter2" not in text
        assert "wrong-wrong" not in text
    await store.aclose()


@asynccontextmanager
async def refusing_server(message: str) -> AsyncGenerator[str, None]:
    """A server, or a pooler, that refuses each connection with a message; its URL."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(size - 4)
        told = b"SFATAL\0VFATAL\0CXX000\0M" + message.encode() + b"\0\0"
        writer.write(b"E" + (len(told) + 4).to_bytes(4, "big") + told)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgresql://ann:{PASSWORD}@127.0.0.1:{port}/db?sslmode=disable&gssencmode=disable"


@pytest.mark.parametrize(
    ("message", "kind", "advice"),
    [
        ("unsupported startup parameter: options", ConfigurationError, "prepared_statements"),
        ("sorry, too many clients already", StoreError, "max_connections"),
        ("the database system is starting up", StoreError, "in a moment"),
        ("the database system is not accepting connections", StoreError, "host and port"),
        ("Passwort-Authentifizierung für Benutzer »ann« fehlgeschlagen", StoreError, "host and port"),
        (f"the password {PASSWORD} is not what it was", StoreError, "host and port"),
    ],
)
async def test_what_a_server_or_a_pooler_says_is_quoted_without_the_password(
    message: str, kind: type[LightAgentError], advice: str
) -> None:
    async with refusing_server(message) as url:
        store = PostgresJournalStore(url, connection_timeout=0.1)
        with pytest.raises(LightAgentError) as failed:
            await store.read(CHAT)
        await store.aclose()
    assert type(failed.value) is kind
    assert failed.value.retryable == (kind is StoreError)
    assert message.replace(PASSWORD, "***") in str(failed.value)
    assert PASSWORD not in str(failed.value)
    assert advice in failed.value.guidance


@pytest.mark.parametrize("limit", ["connections", "connection_timeout", "statement_timeout"])
def test_a_limit_of_nothing_is_refused(limit: str) -> None:
    with pytest.raises(ConfigurationError, match=limit):
        open_adapter("journals", "postgres", {"url": "postgresql://host/db", limit: 0})
    limits = {"connections": 1, "connection_timeout": 1.0, "statement_timeout": 1.0, limit: 0}
    with pytest.raises(ConfigurationError, match=f"{limit} must be above 0"):
        Limits(int(limits["connections"]), limits["connection_timeout"], limits["statement_timeout"], True)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:hunter2@host/db",
        "postgresql:ann:hunter2@host/db",
        "ann:hunter2@host/db",
        "postgresql://ann:hun/ter2@host/db",
        "postgresql://ann:hun?ter2@host/db",
        "postgresql://ann:hun#ter2@host/db",
        "postgresql://ann:hunter2@[::1/db",
        "",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="URL") as refused:
        PostgresJournalStore(url)
    for piece in ("hun", "ter2", "hunter2"):
        assert piece not in str(refused.value)


def test_a_store_shows_where_it_is_and_not_how_to_get_in() -> None:
    shown = repr(PostgresJournalStore("postgresql://ann:hun%2Fter2@h1:5432,h2:5433/db?sslpassword=key-of-ann&x=1"))
    assert shown == "PostgresJournalStore('ann@h1:5432,h2:5433/db', schema_name='lightagent')"


def test_options_are_checked_and_the_url_is_a_secret() -> None:
    store = open_adapter("journals", "postgres", {"url": "postgresql://ann:hunter2-hunter2@host/db"})
    assert "ann@host/db" in repr(store)
    with pytest.raises(ConfigurationError, match="schema_name") as refused:
        open_adapter("journals", "postgres", {"url": "postgresql://ann:hunter2@host/db", "schema": "x"})
    assert "hunter2" not in str(refused.value)
    for name in ("", "x" * 64, "a\0b"):
        with pytest.raises(ConfigurationError, match="schema_name"):
            PostgresJournalStore("postgresql://host/db", schema_name=name)


async def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "lightagent.adapters.journals.postgres.database", raising=False)
    for name in ("database", "connections"):
        monkeypatch.delitem(sys.modules, f"lightagent.adapters._postgres.{name}", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'psycopg\[binary\]"):
        await PostgresJournalStore("postgresql://host/db").read(CHAT)


async def test_a_server_that_accepts_no_writes_is_read_from(place: Place) -> None:
    writer = place.store()
    await writer.append(CHAT, [Draft("1")], expected=0, at=1.0)
    reader = place.store(f"{place.server.url}&options=-c%20default_transaction_read_only%3Don")
    assert (await reader.read(CHAT)).stream.head == 1
    assert len((await reader.list(StreamQuery())).streams) == 1
    for write in (
        lambda: reader.append(CHAT, [Draft("2")], expected=1, at=1.0),
        lambda: reader.lease(CHAT, "me", 60.0),
        lambda: reader.forget(CHAT),
    ):
        with pytest.raises(StoreError, match="read-only transaction") as refused:
            await write()
        assert "primary" in refused.value.guidance
    await reader.aclose()
    await writer.aclose()


async def test_a_full_disk_is_told_and_nothing_is_half_written(place: Place) -> None:
    store = place.store()
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    place.execute(
        "CREATE FUNCTION OURS.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    )
    place.execute("CREATE TRIGGER full_disk BEFORE INSERT ON OURS.entries EXECUTE FUNCTION OURS.full_disk()")
    with pytest.raises(StoreError, match="No space left on device") as failed:
        await store.append(CHAT, [Draft("2")], expected=1, at=2.0, labels={"a": "b"})
    assert "Free space" in failed.value.guidance
    place.execute("DROP TRIGGER full_disk ON OURS.entries")
    found = await store.read(CHAT)
    assert (found.stream.head, found.stream.labels, len(found.entries)) == (1, {}, 1)
    await store.aclose()


async def test_a_statement_that_takes_too_long_is_given_up_and_leaves_nothing(place: Place) -> None:
    import psycopg

    store = place.store(statement_timeout=0.2)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    async with await psycopg.AsyncConnection.connect(place.server.url) as other:
        await other.execute(f"SELECT FROM {place.schema_name}.streams FOR UPDATE".encode())
        with pytest.raises(StoreError, match="statement timeout") as failed:
            await store.append(CHAT, [Draft("2")], expected=1, at=1.0)
    assert failed.value.retryable
    assert "statement_timeout" in failed.value.guidance
    assert await store.append(CHAT, [Draft("2")], expected=1, at=1.0) == 2
    await store.aclose()


async def test_who_waits_too_long_for_a_connection_is_told_so(place: Place) -> None:
    import psycopg

    store = place.store(connections=1, connection_timeout=0.2)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    async with await psycopg.AsyncConnection.connect(place.server.url) as other:
        await other.execute(f"LOCK TABLE {place.schema_name}.streams".encode())
        first = asyncio.create_task(store.read(CHAT))
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="All 1 connections") as failed:
            await store.read(CHAT)
    assert failed.value.retryable
    assert (await first).stream.head == 1
    await store.aclose()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE OURS.entries SET content = '9' WHERE sequence = 2 AND stream = 1",
        "UPDATE OURS.entries SET schema = 9 WHERE sequence = 2 AND stream = 1",
        "UPDATE OURS.entries SET seal = '9' WHERE sequence = 2 AND stream = 1",
        "UPDATE OURS.entries SET checksum = one.checksum FROM OURS.entries AS one WHERE one.stream <> entries.stream",
        "DELETE FROM OURS.entries WHERE sequence = 1 AND stream = 1",
        "DELETE FROM OURS.entries WHERE sequence = 3 AND stream = 1",
        "DELETE FROM OURS.entries",
        "UPDATE OURS.streams SET labels = '{}'",
        "UPDATE OURS.streams SET labels = 'x'",
        "UPDATE OURS.streams SET marks = ARRAY[]::bytea[]",
        "UPDATE OURS.streams SET owner_user = 'bob'",
        "UPDATE OURS.streams SET kind = '\\x80'",
    ],
)
async def test_what_was_changed_behind_the_back_of_the_store_is_not_returned(place: Place, change: str) -> None:
    store = place.store()
    for key in (CHAT, StreamKey(BOB, "session", "chat")):
        await store.append(key, [Draft("1"), Draft("2"), Draft("3")], expected=0, at=1.0, labels={"a": "b"})
    place.execute(change)
    with pytest.raises(DamagedStream, match=r"not what was written|missing") as damaged:
        await store.read(CHAT)
    assert "backup" in damaged.value.guidance
    await store.aclose()


async def test_a_listing_says_which_stream_it_cannot_read_and_lists_the_others(place: Place) -> None:
    store = place.store()
    for number in range(3):
        await store.append(StreamKey(ANN, "run", str(number)), [Draft("1")], expected=0, at=1.0)
    place.execute("UPDATE OURS.streams SET owner_user = 'bob' WHERE id = 2")
    page = await store.list(StreamQuery())
    assert [stream.key.id for stream in page.streams] == ["2", "0"]
    (unreadable,) = page.unreadable
    assert "Stream 2" in unreadable
    await store.aclose()


async def test_tables_that_were_removed_are_made_anew_after_the_store_was_closed(place: Place) -> None:
    store = place.store()
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    place.execute("DROP SCHEMA OURS CASCADE")
    with pytest.raises(StoreError, match="does not exist") as failed:
        await store.append(CHAT, [Draft("2")], expected=1, at=1.0)
    assert "Close the store" in failed.value.guidance
    await store.aclose()
    assert await store.append(CHAT, [Draft("1")], expected=0, at=1.0) == 1
    await store.aclose()


async def test_tables_of_a_later_release_are_left_alone(place: Place) -> None:
    store = place.store()
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    await store.aclose()
    place.execute("UPDATE OURS.version SET number = 2")
    with pytest.raises(StoreError, match="version 2; this release knows 1"):
        await store.read(CHAT)
    assert place.execute("SELECT number FROM OURS.version") == [(2,)]
    await store.aclose()


async def test_a_schema_that_an_administrator_made_is_used_without_the_right_to_make_schemas(place: Place) -> None:
    place.execute("CREATE SCHEMA OURS AUTHORIZATION guest")
    store = place.store(place.server.guest_url)
    assert await store.append(CHAT, [Draft("1")], expected=0, at=1.0) == 1
    await store.aclose()


async def test_a_database_that_cannot_hold_every_text_is_refused(place: Place) -> None:
    name = place.schema_name
    place.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    store = place.store(place.server.url.replace("/postgres?", f"/{name}?"))
    with pytest.raises(ConfigurationError, match="SQL_ASCII"):
        await store.read(CHAT)
    await store.aclose()
