"""What every release has written is read by this one: through a store, a session and a run; see `tests/golden`.

A release that changes a format adds a golden file with `python -m tests.support.golden_stores`, and never touches one.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from lightagent import ApprovalDecision, ConfigurationError, Journal, JsonObject, JsonValue, Runs
from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.postgres import tables as postgres_tables
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.journals.sqlite.tables import STEPS
from lightagent.application.journals.journal import SCHEMA_VERSION
from lightagent.application.sessions.load import session_key
from lightagent.application.sessions.sessions import Sessions
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.runs.event_migrations import MIGRATIONS, migrate, oldest_version
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from tests.servers.postgres import PostgresServer
from tests.support.golden_stores import GOLDEN, OTHER, SESSION, USER, golden_streams, payer, put, told
from tests.support.postgres_stores import Place

FILES: Final = sorted(file.stem for file in GOLDEN.iterdir() if file.suffix in (".json", ".sql", ""))


def what_is_told(name: str) -> JsonObject:
    """What a golden file tells; stores that are no file of events were made of the events of version 2."""
    file = GOLDEN / f"{name if name.startswith('events_') else 'events_2'}.json"
    found: JsonObject = json.loads(file.read_text())["told"]
    return found


async def of_events(name: str, place: Path, request: pytest.FixtureRequest) -> JournalStore:
    store = MemoryJournalStore()
    await put(store, golden_streams(GOLDEN / f"{name}.json"))
    return store


async def of_sqlite(name: str, place: Path, request: pytest.FixtureRequest) -> JournalStore:
    with closing(sqlite3.connect(place / "db")) as db:
        db.executescript((GOLDEN / f"{name}.sql").read_text())
    return SqliteJournalStore(place / "db")


async def of_files(name: str, place: Path, request: pytest.FixtureRequest) -> JournalStore:
    if sys.platform == "win32":
        pytest.skip("there are no such file locks")
    shutil.copytree(GOLDEN / name, place / "files")
    return JsonFilesJournalStore(place / "files")


async def of_postgres(name: str, place: Path, request: pytest.FixtureRequest) -> JournalStore:
    postgres: PostgresServer = request.getfixturevalue("postgres")
    theirs = Place(postgres)
    theirs.execute("CREATE SCHEMA OURS")
    theirs.execute("CREATE TABLE OURS.version (number bigint NOT NULL)")
    for step in postgres_tables.STEPS[: int(name.removeprefix("postgres_"))]:
        for statement in step:
            theirs.execute(statement.format(schema="OURS"))
    for line in (GOLDEN / f"{name}.sql").read_text().splitlines():
        theirs.execute(line.replace("SCHEMA", "OURS", 1))
    theirs.execute("SELECT setval(pg_get_serial_sequence('OURS.streams', 'id'), 1000)")
    return theirs.store()


OPENED: Final = {"events": of_events, "sqlite": of_sqlite, "files": of_files, "postgres": of_postgres}


@pytest.fixture
async def store(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[JournalStore]:
    opened = await OPENED[name.partition("_")[0]](name, tmp_path, request)
    yield opened
    await opened.aclose()


def test_every_version_of_every_format_has_its_golden_file() -> None:
    newest = {"sqlite": len(STEPS), "postgres": len(postgres_tables.STEPS), "files": 1}
    wanted = {f"{kind}_{version}" for kind, last in newest.items() for version in range(1, last + 1)}
    wanted |= {f"events_{version}" for version in range(oldest_version(SCHEMA_VERSION), SCHEMA_VERSION + 1)}
    assert set(FILES) == wanted


def test_every_version_that_is_read_can_be_brought_to_the_newest() -> None:
    assert sorted(MIGRATIONS) == [*range(oldest_version(SCHEMA_VERSION), SCHEMA_VERSION)]


@pytest.mark.parametrize("name", FILES)
async def test_what_a_release_has_written_is_read_and_gone_on_with(name: str, store: JournalStore) -> None:
    assert await told(store) == what_is_told(name)
    agent = payer(store)
    assert await agent.arun("hello again", session_id=SESSION, user_id=USER) == "Heard hello again."
    messages = await Sessions(store).messages(SESSION, USER)
    assert [message["content"] for message in messages[-2:]] == ["hello again", "Heard hello again."]
    [info] = [info async for info in Runs(store).list(USER)]
    journal = await Runs(store).journal(info.run_id, USER)
    assert journal is not None
    result = await payer().aresume(journal, ApprovalDecision.approve(), store=store)
    assert result.content == "Done: paid 3."
    assert await store.append(OTHER, [Draft("{}")], expected=5, at=2.0) == 6


def renamed(old: str, new: str) -> Callable[[JsonObject], JsonObject]:
    def migration(entry: JsonObject) -> JsonObject:
        return {new if name == old else name: value for name, value in entry.items()}

    return migration


async def older_store(version: int, old: str) -> JournalStore:
    """The golden streams as an earlier format would have them, in which the field `at` of events has another name."""
    store = MemoryJournalStore()
    streams = golden_streams(GOLDEN / f"events_{SCHEMA_VERSION}.json")
    for one in streams:
        if one["kind"] != OTHER.kind:
            older = [(json.dumps(renamed("at", old)(json.loads(text))), seal) for text, _, seal in one["entries"]]
            one["entries"] = [(text, version, seal) for text, seal in older]
    await put(store, streams)
    return store


async def test_an_older_format_is_migrated_step_by_step_in_sessions_runs_and_journals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = oldest_version(SCHEMA_VERSION) - 1
    store = await older_store(gone, "moment")
    with pytest.raises(ConfigurationError, match=f"Session: entry 1 has the format {gone}, .* from {gone + 1} on"):
        await Sessions(store).messages(SESSION, USER)
    monkeypatch.setitem(MIGRATIONS, gone, renamed("moment", "time"))
    monkeypatch.setitem(MIGRATIONS, gone + 1, renamed("time", "at"))
    newest_told = what_is_told(f"events_{SCHEMA_VERSION}")
    assert await told(store) == newest_told
    assert await payer(store).arun("hello again", session_id=SESSION, user_id=USER) == "Heard hello again."
    journals = newest_told["journals"]
    assert isinstance(journals, list)
    newest = json.loads(str(journals[0]))
    for version, name in ((gone, "moment"), (gone + 1, "time")):
        older: list[JsonValue] = [renamed("at", name)(event) for event in newest["events"]]
        assert Journal.from_json({"schema_version": version, "events": older}) == Journal.from_json(newest)


def test_an_event_of_a_nested_run_is_migrated_as_well() -> None:
    steps = {1: renamed("moment", "time"), 2: renamed("time", "at")}
    inner: JsonObject = {"type": "noted", "moment": 1.0}
    nested: JsonObject = {"type": "nested", "call_id": "c", "event": {**inner, "type": "nested", "event": inner}}
    newer: JsonObject = {"type": "noted", "at": 1.0}
    expected: JsonObject = {"type": "nested", "call_id": "c", "event": {"type": "nested", "at": 1.0, "event": newer}}
    assert migrate(nested, 1, 3, "entry 1", steps) == expected
    assert migrate(expected, 3, 3, "entry 1", steps) == expected
    assert migrate("no object", 1, 3, "entry 1", steps) == "no object"


async def test_an_entry_of_a_later_release_is_refused_with_what_to_upgrade() -> None:
    store = MemoryJournalStore()
    streams = golden_streams(GOLDEN / f"events_{SCHEMA_VERSION}.json")
    for one in streams:
        *before, (text, _, seal) = one["entries"]
        one["entries"] = [*before, (text, SCHEMA_VERSION + 1, seal)]
    await put(store, streams)
    run_id = next(one["id"] for one in streams if one["kind"] == "run")
    key = session_key(Scope(user=USER, session=SESSION))
    head = (await store.read(key)).stream.head
    for read in (
        lambda: Sessions(store).messages(SESSION, USER),
        lambda: Runs(store).journal(run_id, USER),
        lambda: payer(store).arun("hello again", session_id=SESSION, user_id=USER),
    ):
        with pytest.raises(ConfigurationError, match=rf"entry \d+ has the format {SCHEMA_VERSION + 1}") as refused:
            await read()
        assert "upgrade lightagent" in refused.value.guidance
    assert (await store.read(key)).stream.head == head
    assert [info.session_id async for info in Sessions(store).list(USER)] == [SESSION]


async def test_a_database_of_a_later_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = SqliteJournalStore(tmp_path / "db")
    await store.append(StreamKey(Scope("acme"), "run", "1"), [Draft("1")], expected=0, at=1.0)
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / "db")) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    data = (tmp_path / "db").read_bytes()
    with pytest.raises(StoreError, match=f"version {len(STEPS) + 1}; this release of lightagent knows") as refused:
        await store.read(OTHER)
    assert "Upgrade lightagent" in refused.value.guidance
    await store.aclose()
    assert (tmp_path / "db").read_bytes() == data
