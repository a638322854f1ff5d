"""Flows whose store is damaged behind their back, or has no room: what is wrong is told, and all others go on."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from lightagent import JournalStore, JsonLightFlowStore, LightFlow, StepContext
from lightagent.adapters.journals.files.lines import name_of
from lightagent.adapters.journals.postgres import PostgresJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.application.flow.flow_log import flow_key, read_flow
from lightagent.application.journals import hold_lease
from lightagent.domain.errors import DamagedStream, StoreError
from lightagent.domain.flow.events import AttemptFinished, FlowEvent
from lightagent.domain.scopes import Scope
from tests.servers.postgres import PostgresServer

if sys.platform != "win32":
    import resource

DAMAGES = int(os.environ.get("TEST_FLOW_KILLS", "1")) * 20

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits and locks")


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is torn may tell of a lease that its holder has given back."""
    monkeypatch.setattr(hold_lease, "SECONDS", 0.1)


def three_steps(store: JournalStore, size: int = 0) -> LightFlow:
    async def work(query: str, context: StepContext) -> str:
        return f"{context.idempotency_key} {'x' * size}"

    flow = LightFlow(name="damaged", store=store).step("a", agent=work)
    return flow.step("b", agent=work, depends_on=["a"]).step("c", agent=work, depends_on=["b"])


async def begin_three(store: JournalStore) -> None:
    for name in ("r0", "r1", "r2"):
        assert (await three_steps(store).arun("x", run_id=name)).success


async def check_damaged(store: JournalStore) -> str:
    """How the run r1 is listed; the others are as they were."""
    listed = {str(record["run_id"]): record for record in await three_steps(store).alist_runs()}
    for name in ("r0", "r2"):
        assert listed[name]["status"] == "success"
        assert listed[name]["content"] == f"{name}/c@1 "
    found = listed.get("r1") or listed.get("")
    assert found is not None
    return str(found["status"])


async def see_one_that_is_damaged(store: JournalStore) -> None:
    """It is told as such wherever it is asked for, and nothing of it is done."""
    with pytest.raises(DamagedStream):
        await three_steps(store).aget_run("r1")
    with pytest.raises(DamagedStream):
        await three_steps(store).aresume("r1")


async def test_of_a_file_whose_bytes_are_flipped_the_run_is_told_and_all_others_are_listed(tmp_path: Path) -> None:
    store, chance = JsonLightFlowStore(tmp_path), random.Random(5)
    await begin_three(store)
    file = tmp_path / "streams" / f"{name_of(flow_key('r1', Scope()))}.jsonl"
    whole, seen = file.read_bytes(), set[str]()
    for _ in range(DAMAGES):
        place = chance.randrange(len(whole))
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :])
        other = JsonLightFlowStore(tmp_path)
        status = await check_damaged(other)
        seen.add(status)
        if status == "unreadable":
            await see_one_that_is_damaged(other)
        await other.aclose()
    assert "unreadable" in seen
    assert seen <= {"unreadable", "success", "running", "interrupted"}
    file.write_bytes(whole)
    assert await check_damaged(JsonLightFlowStore(tmp_path)) == "success"


async def test_a_file_that_is_torn_goes_on_from_what_is_whole_and_what_is_not_is_kept_beside(tmp_path: Path) -> None:
    store, chance = JsonLightFlowStore(tmp_path), random.Random(6)
    await begin_three(store)
    file = tmp_path / "streams" / f"{name_of(flow_key('r1', Scope()))}.jsonl"
    whole, statuses = file.read_bytes(), set[str]()
    first = whole.index(b'"head":1')  # A run of which less is there was never acknowledged.
    for _ in range(DAMAGES):
        file.write_bytes(whole[: chance.randrange(whole.index(b"\n", first) + 1, len(whole))])
        other = JsonLightFlowStore(tmp_path)
        statuses.add(await check_damaged(other))
        result = await three_steps(other).aresume("r1")
        assert (result.status, result.content) == ("success", "r1/c@1 ")
        await other.aclose()
    assert "unreadable" not in statuses
    assert list((tmp_path / "streams").glob("*.torn"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_a_database_whose_entries_are_changed_the_run_is_told_and_all_others_are_listed(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    statement = (
        "UPDATE {schema}entries SET content = replace(content, 'attempt', 'attampt') "
        "WHERE stream = (SELECT id FROM {schema}streams ORDER BY id LIMIT 1 OFFSET 1) AND sequence = 2"
    )
    store: JournalStore
    if kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        schema = f"flows_{uuid4().hex}"
        store = PostgresJournalStore(server.url, schema_name=schema)
        await begin_three(store)
        server.execute(statement.format(schema=f"{schema}."))
    else:
        store = SqliteJournalStore(tmp_path / "db")
        await begin_three(store)
        await store.aclose()
        with closing(sqlite3.connect(tmp_path / "db")) as connection, connection:
            assert connection.execute(statement.format(schema="")).rowcount == 1
    assert await check_damaged(store) == "unreadable"
    await see_one_that_is_damaged(store)
    await store.aclose()


STORES: dict[str, Callable[[Path], JournalStore]] = {
    "files": lambda place: JsonLightFlowStore(place / "runs"),
    "sqlite": lambda place: SqliteJournalStore(place / "db"),
}


@contextmanager
def short_files(most: int) -> Iterator[None]:
    """No file can become longer than that, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def events_of(store: JournalStore) -> list[FlowEvent]:
    return (await read_flow(store, flow_key("r", Scope())))[1]


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("most", [30_000, 90_000, 200_000])
def test_on_a_full_disk_the_run_ends_with_a_typed_error_and_its_last_checkpoint_is_intact(
    kind: str, most: int, tmp_path: Path
) -> None:
    async def fill() -> list[FlowEvent]:
        store = STORES[kind](tmp_path)
        assert (await LightFlow(store=store).step("s", agent=lambda query: query).arun("x", run_id="before")).success
        with short_files(most):
            with pytest.raises(StoreError, match="LA-STORE") as refused:
                await three_steps(store, size=70_000).arun("x", run_id="r")
            assert "disk" in refused.value.guidance
        kept = await events_of(store)
        await store.aclose()
        return kept

    async def go_on(kept: list[FlowEvent]) -> None:
        store = STORES[kind](tmp_path)
        assert await events_of(store) == kept
        flow = three_steps(store, size=70_000)
        result = await (flow.aresume("r") if kept else flow.arun("x", run_id="r"))
        assert result.status == "success"
        done = [event.path for event in await events_of(store) if isinstance(event, AttemptFinished)]
        assert done == ["a", "b", "c"]
        assert [run["status"] for run in await flow.alist_runs()] == ["success", "success"]
        await store.aclose()

    kept = asyncio.run(fill())
    asyncio.run(go_on(kept))
