"""The store under test, and what the tests of all its sides share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import LeaseHeld
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds after which something will never happen."""

ANN = Scope("acme", "ann")
BOB = Scope("acme", "bob")
CHAT = StreamKey(ANN, "session", "chat")


class StoreUnderTest:
    """The store that is tested, and how it is opened."""

    kind: ClassVar[str]
    """The adapter's kind, as settings name it."""

    durable: ClassVar[bool] = True
    """Whether another object that is opened with the same options finds what this one acknowledged."""

    def prepare(self, place: Path) -> Mapping[str, object]:
        """The options with which the adapter opens an empty store; the same place is the same store."""
        raise NotImplementedError(f"{type(self).__name__}.prepare({place})")

    def kept_size(self, content: str) -> int:
        """The bytes that the store counts for a content; overridden where it keeps another form, such as encrypted."""
        return len(content.encode())

    def open(self, place: Path) -> JournalStore:
        """The adapter under test, opened by its kind."""
        store = open_adapter("journals", self.kind, self.prepare(place))
        assert isinstance(store, JournalStore)
        return store

    @pytest.fixture
    def play(self, tmp_path: Path) -> Play:
        """Runs a coroutine function with an empty store, in a loop of its own, and closes the store."""

        def played(story: Callable[[JournalStore], Coroutine[object, object, T]]) -> T:
            return asyncio.run(with_store(self.open(tmp_path), story))

        return played


class Play(Protocol):
    """Runs a story with an empty store."""

    def __call__(self, story: Callable[[JournalStore], Coroutine[object, object, T]], /) -> T:
        """What the story returns."""
        ...


async def with_store(store: JournalStore, story: Callable[[JournalStore], Coroutine[object, object, T]]) -> T:
    """What comes of the story; the store is closed afterwards."""
    try:
        return await story(store)
    finally:
        await store.aclose()


async def append_one(store: JournalStore, name: str, labels: Mapping[str, str]) -> None:
    """Begin a run of Ann's with one entry."""
    await store.append(StreamKey(ANN, "run", name), [Draft("1")], expected=0, at=1.0, labels=labels)


async def lease_when_free(store: JournalStore, key: StreamKey, holder: str) -> int:
    """The token of a lease, as soon as no other holder has one."""
    while True:
        try:
            return (await store.lease(key, holder, 60.0)).token
        except LeaseHeld as held:
            await asyncio.sleep(held.left)
