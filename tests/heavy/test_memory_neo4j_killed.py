"""Neo4j killed in the middle of writes: nothing that was acknowledged is lost, and nothing is half there."""

import asyncio
import os
from pathlib import Path
from random import Random

import pytest
from neo4j import GraphDatabase

from lightagent.adapters.memory.neo4j import Neo4jMemory
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import OwnerSelection
from tests.servers.child import free_port
from tests.servers.neo4j import Neo4jServer, kill, neo4j_server

KILLS = int(os.environ.get("TEST_NEO4J_KILLS", "2"))
WRITERS = 4
LETTERS = str.maketrans("0123456789-", "bcdfghjklmn")


def name_of(*numbers: int) -> str:
    """One word, which no other of the same numbers is."""
    return "-".join(f"{number:04}" for number in numbers).translate(LETTERS)


def record(name: str) -> MemoryRecord:
    owner = MemoryOwner(tenant="acme", user=f"user {ord(name[-1]) % 3}")
    return MemoryRecord(name, owner, f"Ada told Acme of {name}", {"source": "user", "entities": [name]}, 1.0)


@pytest.mark.needs("java", "maven", "neo4j")
@pytest.mark.timeout(3600)
async def test_no_acknowledged_memory_is_lost(tmp_path: Path) -> None:
    chance, port = Random(7), free_port()
    acknowledged: set[str] = set()
    for round_number in range(KILLS):
        with neo4j_server(tmp_path, port=port) as server:
            await _check(server, acknowledged)
            store = Neo4jMemory(server.url, connection_timeout=1.0)
            begun = asyncio.Event()
            writers = [
                asyncio.create_task(_write(store, (round_number, number), acknowledged, begun))
                for number in range(WRITERS)
            ]
            await begun.wait()
            await asyncio.sleep(chance.random() * 0.5)
            kill(server)
            await asyncio.gather(*writers)
            await store.aclose()
    with neo4j_server(tmp_path, port=port) as server:
        await _check(server, acknowledged)
    assert len(acknowledged) >= KILLS


async def _write(store: Neo4jMemory, writer: tuple[int, int], acknowledged: set[str], begun: asyncio.Event) -> None:
    number = 0
    while True:
        name = name_of(*writer, number)
        try:
            await store.write([record(name)])
        except StoreError:
            return
        acknowledged.add(name)
        begun.set()
        number += 1


async def _check(server: Neo4jServer, acknowledged: set[str]) -> None:
    """What is there is what was written, and all of it can be found."""
    store = Neo4jMemory(server.url, connection_timeout=120.0, statement_timeout=120.0)
    page = await store.read(OwnerSelection(), 1_000_000)
    there = {one.memory_id: one for one in page.records}
    assert acknowledged <= there.keys()
    assert all(one == record(name) for name, one in there.items())
    for name in sorted(acknowledged)[::10]:
        found = await store.recall(record(name).owner, name, 3, RecallFilter(0.0))
        assert name in {str(one.fields["memory_id"]) for one in found}
    await store.aclose()
    with GraphDatabase.driver(server.url) as driver, driver.session() as session:
        wrong = session.run(
            "MATCH (o:LightAgentOwner) WHERE o.memories <> COUNT { MATCH (m:LightAgentMemory {owner: o.key}) } "
            "RETURN o.user"
        )
        assert list(wrong) == []
