"""Who may write: leases, and many writers at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lightagent.domain.errors import ConfigurationError, Fenced, LeaseHeld, StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey, StreamPage, StreamQuery
from lightagent.ports.journals import JournalStore
from lightagent.testing.contracts.journal_store.base import (
    ANN,
    BOB,
    CHAT,
    PATIENCE,
    Play,
    StoreUnderTest,
    append_one,
    lease_when_free,
    with_store,
)


class WritersContract(StoreUnderTest):
    """Leases, and many at once."""

    def test_only_the_holder_of_a_lease_appends(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            first = await store.lease(CHAT, "first", 60.0)
            assert first.seconds == 60.0
            with pytest.raises(LeaseHeld) as held:
                await store.lease(CHAT, "second", 60.0)
            assert held.value.holder == "first"
            assert 0 < held.value.left <= 60.0
            with pytest.raises(Fenced):
                await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            with pytest.raises(Fenced):
                await store.append(CHAT, [Draft("1")], expected=0, at=1.0, token=first.token + 1)
            assert await store.append(CHAT, [Draft("1")], expected=0, at=1.0, token=first.token) == 1
            (listed,) = (await store.list(StreamQuery())).streams
            for stream in ((await store.read(CHAT)).stream, listed):
                assert stream.holder == "first"
                assert 0 < stream.lease_left <= 60.0
            # Somebody else's stream is not concerned.
            await store.append(StreamKey(BOB, "session", "chat"), [Draft("1")], expected=0, at=1.0)

        play(story)

    def test_a_lease_that_is_over_passes_to_the_next_and_fences_its_first_holder(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            first = await store.lease(CHAT, "first", 0.001)
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, token=first.token)
            second = await lease_when_free(store, CHAT, "second")
            assert second > first.token
            for zombie in (
                lambda: store.append(CHAT, [Draft("2")], expected=1, at=2.0, token=first.token),
                lambda: store.lease(CHAT, "first", 60.0, first.token),
                lambda: store.lease(CHAT, "first", 0.0, first.token),
            ):
                with pytest.raises(Fenced):
                    await zombie()
            assert await store.append(CHAT, [Draft("2")], expected=1, at=2.0, token=second) == 2

        play(story)

    def test_a_lease_that_has_expired_is_still_its_holders_until_another_takes_it(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            lease = await store.lease(CHAT, "first", 0.001)
            while True:
                stream = (await store.read(CHAT)).stream
                if not stream.lease_left:
                    break
                await asyncio.sleep(stream.lease_left)
            assert stream.holder == ""
            assert await store.append(CHAT, [Draft("2")], expected=1, at=2.0, token=lease.token) == 2
            assert await store.append(CHAT, [Draft("3")], expected=2, at=3.0) == 3
            assert (await store.lease(CHAT, "first", 60.0, lease.token)).token == lease.token

        play(story)

    def test_a_lease_is_renewed_and_released_by_its_token(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            first = await store.lease(CHAT, "first", 60.0)
            renewed = await store.lease(CHAT, "first", 90.0, first.token)
            assert renewed.token == first.token
            assert (await store.read(CHAT)).stream.lease_left > 60.0
            await store.lease(CHAT, "first", 0.0, first.token)
            assert (await store.read(CHAT)).stream.holder == ""
            with pytest.raises(Fenced):
                await store.append(CHAT, [Draft("1")], expected=0, at=1.0, token=first.token)
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            assert (await store.lease(CHAT, "first", 60.0)).token > first.token
            with pytest.raises(ConfigurationError):
                await store.lease(StreamKey(BOB, "session", "chat"), "nobody", 0.0)

        play(story)

    def test_a_token_does_not_fit_a_stream_that_was_forgotten_and_begun_again(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            old = await store.lease(CHAT, "first", 60.0)
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, token=old.token)
            await store.forget(CHAT)
            with pytest.raises(Fenced):
                await store.append(CHAT, [Draft("2")], expected=0, at=2.0, token=old.token)
            new = await store.lease(CHAT, "second", 60.0)
            assert new.token > old.token
            await store.append(CHAT, [Draft("1")], expected=0, at=3.0, token=new.token)
            with pytest.raises(Fenced):
                await store.append(CHAT, [Draft("2")], expected=1, at=4.0, token=old.token)

        play(story)

    def test_a_stream_that_is_only_leased_is_not_listed(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.lease(CHAT, "first", 60.0)
            assert (await store.list(StreamQuery())).streams == ()

        play(story)

    def test_of_many_writers_that_expect_the_same_end_one_succeeds(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            for turn in range(5):
                outcomes = await asyncio.gather(
                    *(store.append(CHAT, [Draft(str(n))], expected=turn, at=1.0) for n in range(20)),
                    return_exceptions=True,
                )
                assert [one for one in outcomes if isinstance(one, int)] == [turn + 1]
                assert sum(isinstance(one, StreamConflict) for one in outcomes) == 19

        play(story)

    def test_a_cancelled_append_is_there_as_a_whole_or_not_at_all(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            for turns in range(12):
                key = StreamKey(ANN, "run", f"n{turns}")
                task = asyncio.create_task(store.append(key, [Draft("1"), Draft("2")], expected=0, at=1.0))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                ends: list[int] = []
                try:  # What was under way may come to its end after the cancellation.
                    ends.append(await store.append(key, [Draft("3")], expected=0, at=2.0))
                except StreamConflict:
                    ends.append(await store.append(key, [Draft("3")], expected=2, at=2.0))
                assert ends in ([1], [3])

        play(story)

    def test_one_store_serves_several_threads_and_loops(self, tmp_path: Path) -> None:
        store, together = self.open(tmp_path), threading.Barrier(4)

        async def in_loop(number: int) -> None:
            for turn in range(10):
                await append_one(store, f"{number}.{turn}", {"thread": str(number)})

        def in_thread(number: int) -> None:
            together.wait(PATIENCE)
            asyncio.run(in_loop(number))

        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(in_thread, range(4)):
                pass

        async def count(store: JournalStore) -> list[int]:
            queries = [StreamQuery(labels={"thread": str(number)}) for number in range(4)]
            return [len((await store.list(query)).streams) for query in queries]

        assert asyncio.run(with_store(store, count)) == [10] * 4

    def test_a_closed_store_opens_again(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.aclose()
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
            await store.aclose()
            await store.aclose()
            if self.durable:
                assert (await store.read(CHAT)).stream.head == 1

        play(story)

    def test_another_object_finds_what_was_acknowledged(self, tmp_path: Path) -> None:
        if not self.durable:
            return

        async def write(store: JournalStore) -> int:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, labels={"a": "b"})
            return (await store.lease(CHAT, "first", 60.0)).token

        async def find(store: JournalStore) -> StreamPage:
            with pytest.raises(LeaseHeld):
                await store.lease(CHAT, "second", 60.0)
            await store.append(CHAT, [Draft("2")], expected=1, at=2.0, token=token)
            return await store.list(StreamQuery(labels={"a": "b"}))

        token = asyncio.run(with_store(self.open(tmp_path), write))
        (stream,) = asyncio.run(with_store(self.open(tmp_path), find)).streams
        assert (stream.key, stream.head, stream.holder) == (CHAT, 2, "first")

    def test_two_objects_write_side_by_side(self, tmp_path: Path) -> None:
        if not self.durable:
            return

        async def race() -> None:
            stores = [self.open(tmp_path) for _ in range(4)]
            try:
                await asyncio.gather(*(push(store, place) for place, store in enumerate(stores)))
                found = await stores[0].read(CHAT)
                assert sorted(entry.content for entry in found.entries) == sorted(
                    f'"{place}.{turn}"' for place in range(4) for turn in range(10)
                )
            finally:
                for store in stores:
                    await store.aclose()

        async def push(store: JournalStore, place: int) -> None:
            head = 0
            for turn in range(10):
                while True:
                    try:
                        head = await store.append(CHAT, [Draft(f'"{place}.{turn}"')], expected=head, at=1.0)
                        break
                    except StreamConflict as conflict:
                        head = conflict.actual

        asyncio.run(race())
