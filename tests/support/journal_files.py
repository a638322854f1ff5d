"""A store of journals in files, and the streams that its tests write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.files.lines import name_of
from lightagent.domain.journals.streams import Draft, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope

T = TypeVar("T")
Store: TypeAlias = JsonFilesJournalStore

ANN: Final = Scope("acme", "ann")
CHAT: Final = StreamKey(ANN, "session", "chat")
OTHER: Final = StreamKey(Scope("acme", "bob"), "session", "chat")
WHOLE: Final = [f'"{number}"' for number in range(1, 7)]
"""What `three_appends` writes into the stream `CHAT`."""


def play(place: Path, story: Callable[[Store], Coroutine[object, object, T]], busy_timeout: float = 10.0) -> T:
    """What comes of a story with the store of a directory."""

    async def played() -> T:
        store = Store(place, busy_timeout=busy_timeout)
        try:
            return await story(store)
        finally:
            await store.aclose()

    return asyncio.run(played())


def file_of(place: Path, key: StreamKey = CHAT) -> Path:
    """The file of a stream."""
    return place / "streams" / f"{name_of(key)}.jsonl"


def contents(place: Path, key: StreamKey = CHAT) -> list[str]:
    """What a new store of this directory reads."""

    async def story(store: Store) -> list[str]:
        return [entry.content for entry in (await store.read(key)).entries]

    return play(place, story)


def listed(place: Path) -> StreamPage:
    """What a new store of this directory lists."""
    return play(place, lambda store: store.list(StreamQuery()))


async def two_appends(store: Store) -> None:
    """Three entries in two appends, under a lease."""
    lease = await store.lease(CHAT, "me", 60.0)
    await store.append(CHAT, [Draft('"1"')], expected=0, at=1.0, token=lease.token, labels={"naïve": "☕"})
    await store.append(CHAT, [Draft('"2"', seal="s"), Draft('"3"', 2)], expected=1, at=2.0, token=lease.token)


async def three_appends(store: Store) -> None:
    """Six entries in three appends, with a lease before, between and after them; and somebody else's stream."""
    await two_appends(store)
    lease = await store.lease(CHAT, "me", 90.0, 1)
    drafts = [Draft(f'"{number}"') for number in (4, 5, 6)]
    await store.append(CHAT, drafts, expected=3, at=3.0, token=lease.token)
    await store.lease(CHAT, "me", 0.0, lease.token)
    await store.append(OTHER, [Draft("1")], expected=0, at=1.0)
