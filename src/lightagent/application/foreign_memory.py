"""Any object with `store(data, user_id)` and `retrieve(query, user_id)` as a store of memories.

Such an object knows one text for whose the memories are, and is not trusted to heed it: what it gives is judged by the
policy like any other record. It may be synchronous, and is then called in a worker thread.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory_filter import KeptOut, read_found
from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter
from lightagent.ports.memory import MemoryFeature, MemoryPage, MemoryStore, OwnerSelection

_MOST_RESULTS: Final = 10_000
"""Of an object that gives all it has; more are not looked at."""


class MemoryProtocol(Protocol):
    """What a memory of one's own has; either method may be async."""

    def store(self, data: str, user_id: str) -> object:
        """Keep a text for a user. With a parameter `metadata` it is given where the text comes from, as an object."""
        ...

    def retrieve(self, query: str, user_id: str) -> object:
        """What is kept for this user about the query: a list of texts or objects, or an object with `results`."""
        ...


class ForeignMemory(MemoryStore):
    """The memories of such an object.

    Args:
        memory: the object.

    Raises:
        ConfigurationError: it has not both methods.
    """

    def __init__(self, memory: MemoryProtocol) -> None:
        for method in ("store", "retrieve"):
            if not callable(getattr(memory, method, None)):
                raise ConfigurationError(
                    f"memory: expected an object with store and retrieve, got {type(memory).__name__}.",
                    guidance="Pass a store of memories, or an object with store(data, user_id) and "
                    "retrieve(query, user_id).",
                )
        self._memory = memory
        self._takes_metadata = _takes(memory.store, "metadata")

    @property
    def name(self) -> str:
        return type(self._memory).__name__

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return frozenset()

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        for record in records:
            user = record.owner.user_id
            if self._takes_metadata:
                metadata = {**record.metadata, "user_id": user}
                await _called(self._memory.store, data=record.text, user_id=user, metadata=metadata)
            else:
                await _called(self._memory.store, data=record.text, user_id=user)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        answer = await _called(self._memory.retrieve, query=query, user_id=owner.user_id)
        read = [read_found(item) for item in _items(answer)]
        # A limit here would let records crowd others out that the policy keeps from the model.
        return [one for one in read if not isinstance(one, KeptOut)]

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        raise _cannot("list what it holds")

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        raise _cannot("forget")

    async def aclose(self) -> None:
        """It stays open, since the program made it."""


def _items(answer: object) -> list[object]:
    found = answer.get("results", answer.get("memories")) if isinstance(answer, Mapping) else answer
    if found is None:
        return []
    if isinstance(found, (str, bytes, Mapping)) or not isinstance(found, Iterable):
        raise StoreError(f"The memory answered with {type(found).__name__}, which is no list of records.")
    return [item for item, _ in zip(found, range(_MOST_RESULTS), strict=False)]


async def _called(function: Callable[..., object], **arguments: object) -> object:
    if inspect.iscoroutinefunction(function):
        answer: object = function(**arguments)
    else:
        answer = await run_in_thread(lambda: function(**arguments))
    return await answer if isinstance(answer, Awaitable) else answer


def _takes(function: Callable[..., object], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def _cannot(what: str) -> StoreError:
    return StoreError(
        f"A memory with store and retrieve alone cannot {what}.", guidance="Use a store that can, such as sqlite."
    )
