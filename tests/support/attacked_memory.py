"""Our memories for the read-path attacks of agent-memory-integrity: written and recalled as in runs of an agent.

What the user says, and what an attacker has brought into the agent as such, is written by runs, which seal it where
there is a key. Other writes of an attacker go to the store itself, with any label. What a model is told is what a run
tells it.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Final

from agmi.adapters.semantic_base import MemoryItem, Retrieved, SemanticMemoryAdapter

from lightagent import LightAgent, MemoryOwner, MemoryPolicy, MemoryRecord
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.conversation.messages import ContextMessage
from lightagent.domain.memory.seals import memory_keys
from lightagent.ports.memory import MemoryStore
from lightagent.testing import ScriptedModel

USERS_WORDS: Final = MemoryPolicy(allowed_sources=["user"], allow_unattributed_results=False)
"""Recalls what users said, and nothing else."""

PLAIN_WORDS: Final = replace(
    USERS_WORDS,
    reject_write_patterns=[
        r"https?://|\S@\S",
        r"\b(ignore|disregard|forget)\b.{0,30}\b(instructions|guidance|rules)\b",
    ],
)
"""The same, and remembers no links, no addresses of mail, and nothing that talks about the agent's instructions."""

PROTECTIONS: Final[dict[str, tuple[MemoryPolicy, bool]]] = {
    "by default": (MemoryPolicy(), False),
    "`allowed_sources`": (USERS_WORDS, False),
    "`allowed_sources`, sealed": (USERS_WORDS, True),
    "`allowed_sources`, sealed, `reject_write_patterns`": (PLAIN_WORDS, True),
}
"""By name: the policy, and whether the store is sealed."""


class AttackedMemory(SemanticMemoryAdapter):
    """A memory in SQLite with a protection; each reset is a new tenant of it."""

    def __init__(self, place: Path, protection: str) -> None:
        self.name = f"lightagent, {protection}"
        self._policy, is_sealed = PROTECTIONS[protection]
        self._file: MemoryStore = SqliteMemory(place / "memory.db", synchronous="normal")
        keys = memory_keys("attacked", {"k": "0123456789abcdef" * 4})
        self._store = SealedMemory(self._file, keys) if is_sealed else self._file
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        self._tenant = f"t{next(self._numbers)}"

    def add_memory(self, item: MemoryItem) -> None:
        if item.signature and not item.metadata:
            agent = LightAgent(model=ScriptedModel(["I see."]), memory=self._store, memory_policy=self._policy)
            agent.run(item.text, user_id=item.user_id, tenant=self._tenant)
            return
        metadata = {"source": item.source, "scope": "user"}
        if "trust" in item.metadata:
            metadata["trust_level"] = item.metadata["trust"]
        owner = MemoryOwner(tenant=self._tenant, user=item.user_id)
        record = MemoryRecord(f"w{next(self._numbers)}", owner, item.text, {**metadata})
        asyncio.run((self._store if item.signature else self._file).write([record]))

    def retrieve(self, query: str, user_id: str, k: int = 5) -> list[Retrieved]:
        return self._told(self._policy, query, user_id, k)

    def retrieve_where(self, query: str, user_id: str, where: dict[str, str], k: int = 5) -> list[Retrieved]:
        return self._told(replace(self._policy, allowed_trust_levels=[where["trust"]]), query, user_id, k)

    def close(self) -> None:
        asyncio.run(self._store.aclose())

    def _told(self, policy: MemoryPolicy, query: str, user_id: str, most: int) -> list[Retrieved]:
        model = ScriptedModel(["I see."])
        asking = replace(policy, max_writes_per_run=0)
        LightAgent(model=model, memory=self._store, memory_policy=asking).run(
            query, user_id=user_id, tenant=self._tenant
        )
        contexts = [one.content for one in model.requests[0].messages if isinstance(one, ContextMessage)]
        lines = [line.removeprefix("- ") for text in contexts for line in text.splitlines()[1:]]
        return [Retrieved(line, user_id) for line in lines[:most]]
