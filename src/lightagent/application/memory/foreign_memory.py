"""Any object with `store(data, user_id)` and `retrieve(query, user_id)` as a store of memories.

Such an object knows one text for whose the memories are, and is not trusted to heed it: what it gives is judged by the
policy like any other record. It may be synchronous, and is then called in a worker thread; what it gives is always read
in one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.filter import found_or_empty
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryFeature, MemoryPage, MemoryStore, OwnerSelection

T = TypeVar("T")

_MOST_RESULTS: Final = 10_000
"""The maximum of memories that are read from an object that returns all it has."""


class MemoryProtocol(Protocol):
    """A memory that a user provides; either method may be async."""

    def store(self, data: str, user_id: str) -> object:
        """Keep a text for a user. A parameter `metadata` gets the text's origin, as an object."""
        ...

    def retrieve(self, query: str, user_id: str) -> object:
        """What is kept for this user about the query: a list of texts or objects, or an object with `results`."""
        ...


class ForeignMemory(MemoryStore):
    """The memories of such an object.

    Args:
        memory: the object.

    Raises:
        ConfigurationError: it has not both methods, or they cannot be called with these arguments.
    """

    def __init__(self, memory: MemoryProtocol) -> None:
        for method in ("store", "retrieve"):
            if not callable(getattr(memory, method, None)):
                raise ConfigurationError(
                    f"memory: expected an object with store and retrieve, got {type(memory).__name__}.",
                    guidance="Pass a store of memories, such as InProcessMemory(), or an object with "
                    "store(data, user_id) and retrieve(query, user_id).",
                )
        _check_callable(memory.store, "data", "user_id")
        _check_callable(memory.retrieve, "query", "user_id")
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
                await _called(self._memory.store, read=_nothing, data=record.text, user_id=user, metadata=metadata)
            else:
                await _called(self._memory.store, read=_nothing, data=record.text, user_id=user)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        found = await _called(self._memory.retrieve, read=_items, query=query, user_id=owner.user_id)
        # With a limit here, records that the policy refuses could crowd others out.
        return [found_or_empty(item) for item in found]

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        raise _cannot("list what it holds")

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        raise _cannot("forget")

    async def aclose(self) -> None:
        """Nothing: the program that made the memory closes it."""


def _items(answer: object) -> list[object]:
    found = answer.get("results", answer.get("memories")) if isinstance(answer, Mapping) else answer
    if found is None:
        return []
    if isinstance(found, (str, bytes, Mapping)) or not isinstance(found, Iterable):
        raise StoreError(f"The memory answered with {type(found).__name__}, which is not a list of records.")
    return [item for item, _ in zip(found, range(_MOST_RESULTS), strict=False)]


async def _called(function: Callable[..., object], *, read: Callable[[object], T], **arguments: object) -> T:
    """The final result, converted by `read`.

    A list may be fetched only while it is read, so reading happens in the worker thread as well.
    """
    if inspect.iscoroutinefunction(function):
        awaited: Awaitable[object] = function(**arguments)
    else:
        answer = await run_in_thread(_read_now, function, arguments, read)
        if not isinstance(answer, _Awaited):
            return answer
        awaited = answer.answer
    return await run_in_thread(read, await awaited)


@dataclass(frozen=True, slots=True)
class _Awaited:
    """An answer that has to be awaited before it can be read."""

    answer: Awaitable[object]


def _read_now(
    function: Callable[..., object], arguments: Mapping[str, object], read: Callable[[object], T]
) -> T | _Awaited:
    answer = function(**arguments)
    return _Awaited(answer) if isinstance(answer, Awaitable) else read(answer)


def _nothing(answer: object) -> None:
    """Ignore what `store` returns."""


def _check_callable(function: Callable[..., object], *names: str) -> None:
    """Raise if the function can never be called with these arguments, such as a method of a class without an instance.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        inspect.signature(function).bind(**dict.fromkeys(names, ""))
    except TypeError as error:
        raise ConfigurationError(
            f"memory: {function.__name__} is called with {' and '.join(names)}, but: {error}.",
            guidance="Name its parameters so, and pass an object, not its class.",
        ) from None
    except ValueError:  # It is not written in Python, and its parameters are not known.
        return


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
