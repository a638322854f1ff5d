"""Stores of memories that keep what users say and give back five, as a reader of each documentation would use them."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from lightagent.ports.memory import MemoryStore

FOUND = 5


class Memories(NamedTuple):
    """How a library keeps a text for a user, and recalls some of a user's texts for a question."""

    write: Callable[[str, str], Awaitable[object]]
    recall: Callable[[str, str], Awaitable[int]]


async def lightagent_sqlite(folder: Path, stack: AsyncExitStack) -> Memories:
    """This project in an SQLite file, which ranks by words; the log is synced at every commit."""
    from lightagent.adapters.memory.sqlite import SqliteMemory

    return _lightagent(SqliteMemory(str(folder / "memory.db")), stack)


async def lightagent_edge(folder: Path, stack: AsyncExitStack) -> Memories:
    """This project in a folder of Qdrant's engine, in this process; it ranks by words and by vectors."""
    return await lightagent_qdrant(folder, stack, engine="edge")


async def lightagent_qdrant(
    folder: Path, stack: AsyncExitStack, engine: Literal["local", "edge"] = "local"
) -> Memories:
    """This project in a folder of Qdrant's local mode, which compares all that it holds by words and by vectors."""
    from lightagent.adapters.embedding.hashing import HashingEmbedder
    from lightagent.adapters.memory.qdrant import QdrantMemory

    store = QdrantMemory(path=str(folder / "qdrant"), embedder=HashingEmbedder(), engine=engine)
    return _lightagent(store, stack)


def _lightagent(store: MemoryStore, stack: AsyncExitStack) -> Memories:
    from lightagent.domain.memory.recall_filter import RecallFilter
    from lightagent.domain.memory.records import MemoryOwner, MemoryRecord

    stack.push_async_callback(store.aclose)
    numbers = count()

    async def write(user: str, text: str) -> None:
        owner = MemoryOwner("bench", user=user)
        await store.write([MemoryRecord(f"m{next(numbers)}", owner, text, {"source": "user"}, time.time())])

    async def recall(user: str, question: str) -> int:
        owner = MemoryOwner("bench", user=user)
        return len(await store.recall(owner, question, FOUND, RecallFilter(time.time())))

    return Memories(write, recall)


async def agno_sqlite(folder: Path, stack: AsyncExitStack) -> Memories:
    """agno's `MemoryManager` over its `SqliteDb`, which gives the newest memories, whatever is asked."""
    from agno.db.schemas.memory import UserMemory
    from agno.db.sqlite import SqliteDb
    from agno.memory import MemoryManager

    manager = MemoryManager(db=SqliteDb(db_file=str(folder / "agno.db")))

    async def write(user: str, text: str) -> object:
        return manager.add_user_memory(UserMemory(memory=text), user_id=user)

    async def recall(user: str, question: str) -> int:
        return len(manager.search_user_memories(question, limit=FOUND, retrieval_method="last_n", user_id=user))

    return Memories(write, recall)


async def mem0_qdrant(folder: Path, stack: AsyncExitStack) -> Memories:
    """mem0's `Memory` without a model (`infer=False`), over Qdrant's local mode and its own history in SQLite.

    It compares vectors alone; for words it would need fastembed and a model of it.
    """
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=str(folder))
    from mem0 import Memory

    from lightagent.adapters.embedding.hashing import DIMENSION

    qdrant = {"path": str(folder / "qdrant"), "on_disk": True, "embedding_model_dims": DIMENSION}
    unused = {"provider": "openai", "config": {"api_key": "unused"}}
    memory = Memory.from_config(
        {
            "vector_store": {"provider": "qdrant", "config": qdrant},
            "embedder": unused,
            "llm": unused,
            "history_db_path": str(folder / "history.db"),
        }
    )
    memory.embedding_model = _Hashing()
    stack.callback(memory.close)

    async def write(user: str, text: str) -> object:
        return memory.add(text, user_id=user, infer=False)

    async def recall(user: str, question: str) -> int:
        return len(memory.search(question, filters={"user_id": user}, top_k=FOUND, threshold=0.0)["results"])

    return Memories(write, recall)


class _Hashing:
    """The hashing embedder, as mem0 calls its own."""

    def __init__(self) -> None:
        from lightagent.adapters.embedding.hashing import HashingEmbedder

        self._embedder = HashingEmbedder()

    def embed(self, text: str, memory_action: object = None) -> list[float]:
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: list[str], memory_action: object = None) -> list[list[float]]:
        ready = self._embedder.embed(texts)
        try:
            ready.send(None)  # A short text is hashed at once.
        except StopIteration as done:
            return [list(vector) for vector in done.value]
        raise RuntimeError("the embedder waited")
