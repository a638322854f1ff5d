"""A Neo4j server that is new, that hangs, and that is gone: what many who use it at once are told, and when."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory.neo4j import Neo4jMemory
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import OwnerSelection
from tests.servers.neo4j import kill, neo4j_server

ADA = MemoryOwner(tenant="acme", user="ada")
PATIENT = 60.0


def opened(url: str, connection_timeout: float = PATIENT, statement_timeout: float = PATIENT) -> Neo4jMemory:
    return Neo4jMemory(
        url,
        embedder=HashingEmbedder(64),
        connection_timeout=connection_timeout,
        statement_timeout=statement_timeout,
    )


async def written(store: Neo4jMemory, name: str) -> str:
    """How writing ends."""
    try:
        await store.write([MemoryRecord(name, ADA, f"Ada likes tea {name}", {"source": "user"}, 1.0)])
    except StoreError as error:
        return str(error.retryable)
    return "written"


@pytest.mark.needs("java", "maven", "neo4j")
@pytest.mark.timeout(600)
async def test_a_server_that_is_new_hangs_and_is_gone(tmp_path: Path) -> None:
    with neo4j_server(tmp_path) as server:
        assert server.child is not None
        # New: several make its constraints and indexes at once.
        stores = [opened(server.url) for _ in range(4)]
        assert await asyncio.gather(*(written(store, f"{place}") for place, store in enumerate(stores))) == [
            "written"
        ] * len(stores)
        assert len((await stores[0].read(OwnerSelection(), 100)).records) == len(stores)
        # The server hangs: those that were connected do not wait for ever.
        assert await stores[0].recall(ADA, "tea", 5, RecallFilter(0.0))
        hasty = opened(server.url, 1.0, 10.0)
        assert await hasty.recall(ADA, "tea", 5, RecallFilter(0.0))
        os.killpg(server.child.pid, signal.SIGSTOP)
        with pytest.raises(StoreError, match=r"does not answer|cannot be reached") as caught:
            await hasty.recall(ADA, "tea", 5, RecallFilter(0.0))
        assert caught.value.retryable
        os.killpg(server.child.pid, signal.SIGCONT)
        assert await stores[0].recall(ADA, "tea", 5, RecallFilter(0.0))
        assert await written(opened(server.url), "after") == "written"
        # It is gone: many are told when the first one is, whether they have used it before or not.
        kill(server)
        new = opened(server.url, 1.0, 10.0)
        begun = time.monotonic()
        ended = await asyncio.gather(*(written(one, f"{place}") for place in range(40) for one in (hasty, new)))
        assert set(ended) == {"True"}
        assert time.monotonic() - begun < PATIENT
        for store in (*stores, hasty, new):
            await store.aclose()
