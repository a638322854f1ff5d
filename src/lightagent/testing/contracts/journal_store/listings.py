"""How streams are found, and how they are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from lightagent.domain.errors import ConfigurationError, StreamConflict
from lightagent.domain.journals.streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.testing.contracts.journal_store.base import ANN, BOB, CHAT, Play, StoreUnderTest, append_one


class ListingsContract(StoreUnderTest):
    """Labels, listings and forgetting."""

    def test_labels_change_only_with_an_append_and_as_a_whole(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            async def labels() -> Mapping[str, str]:
                (stream,) = (await store.list(StreamQuery())).streams
                assert stream.labels == (await store.read(CHAT)).stream.labels
                return stream.labels

            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, labels={"status": "new", "agent": "a"})
            assert await labels() == {"status": "new", "agent": "a"}
            await store.append(CHAT, [Draft("2")], expected=1, at=2.0)
            assert await labels() == {"status": "new", "agent": "a"}
            await store.append(CHAT, [Draft("3")], expected=2, at=3.0, labels={"status": "done"})
            assert await labels() == {"status": "done"}
            await store.append(CHAT, [Draft("4")], expected=3, at=4.0, labels={})
            assert await labels() == {}

        play(story)

    def test_streams_are_found_by_everything_that_is_asked_for(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            for number, (owner, kind, status) in enumerate(
                [
                    (ANN, "run", "waiting"),
                    (BOB, "run", "waiting"),
                    (ANN, "session", "waiting"),
                    (Scope("other", "ann", "s1"), "run", "done"),
                    (ANN, "run", "done"),
                ]
            ):
                key = StreamKey(owner, kind, f"n{number}")
                labels = {"status": status, "odd": str(number % 2)}
                await store.append(key, [Draft("1")], expected=0, at=float(number), labels=labels)

            async def found(query: StreamQuery) -> str:
                page = await store.list(query)
                assert page.next == ""
                assert page.unreadable == ()
                return " ".join(stream.key.id for stream in page.streams)

            assert await found(StreamQuery()) == "n4 n3 n2 n1 n0"
            assert await found(StreamQuery(kind="run")) == "n4 n3 n1 n0"
            assert await found(StreamQuery(tenant="acme")) == "n4 n2 n1 n0"
            assert await found(StreamQuery(user="ann")) == "n4 n3 n2 n0"
            assert await found(StreamQuery(session="s1")) == "n3"
            assert await found(StreamQuery(session="")) == "n4 n2 n1 n0"
            assert await found(StreamQuery(id="n3")) == "n3"
            assert await found(StreamQuery(labels={"status": "waiting"})) == "n2 n1 n0"
            assert await found(StreamQuery(labels={"status": "waiting", "odd": "0"})) == "n2 n0"
            assert await found(StreamQuery(kind="run", user="ann", labels={"status": "done"})) == "n4 n3"
            assert await found(StreamQuery(labels={"status": "' OR 1=1 --"})) == ""
            assert await found(StreamQuery(labels={"' OR 1=1 --": "waiting"})) == ""
            assert await found(StreamQuery(updated_before=2.0)) == "n1 n0"
            assert await found(StreamQuery(updated_after=2.0)) == "n4 n3"
            assert await found(StreamQuery(updated_after=0.0, updated_before=3.0, kind="run")) == "n1"
            # An update does not move a stream.
            await store.append(StreamKey(ANN, "run", "n0"), [Draft("2")], expected=1, at=99.0)
            assert await found(StreamQuery(kind="run")) == "n4 n3 n1 n0"

        play(story)

    def test_a_listing_is_complete_page_by_page(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await asyncio.gather(*(append_one(store, f"n{number}", {}) for number in range(25)))
            seen: list[str] = []
            query, pages = StreamQuery(kind="run", limit=10), 0
            while True:
                page = await store.list(query)
                seen += [stream.key.id for stream in page.streams]
                pages += 1
                await append_one(store, f"later{pages}", {})  # What comes meanwhile moves nothing.
                if not page.next:
                    break
                query = StreamQuery(kind="run", limit=10, cursor=page.next)
            assert pages == 3
            assert sorted(seen) == sorted(f"n{number}" for number in range(25))
            for limit in (0, 1001):
                with pytest.raises(ConfigurationError):
                    await store.list(StreamQuery(limit=limit))

        play(story)

    def test_a_forgotten_stream_is_gone_and_may_begin_again(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft("1")], expected=0, at=1.0, labels={"a": "b"})
            with pytest.raises(StreamConflict):
                await store.forget(CHAT, expected=2)
            assert await store.forget(CHAT, expected=1) == 1
            assert await store.forget(CHAT) == 0
            assert (await store.list(StreamQuery(labels={"a": "b"}))).streams == ()
            await store.append(CHAT, [Draft("2")], expected=0, at=2.0)
            found = await store.read(CHAT)
            assert [entry.content for entry in found.entries] == ["2"]
            assert (found.stream.labels, found.stream.created_at) == ({}, 2.0)

        play(story)

    def test_the_front_of_a_stream_is_pruned(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft(str(n)) for n in range(1, 6)], expected=0, at=1.0)
            assert await store.forget(CHAT, before=3) == 2
            found = await store.read(CHAT)
            assert [entry.sequence for entry in found.entries] == [3, 4, 5]
            assert (found.stream.head, found.stream.base, found.stream.size) == (5, 2, 3 * self.kept_size("1"))
            assert await store.append(CHAT, [Draft("6")], expected=5, at=2.0) == 6
            assert await store.forget(CHAT, before=99) == 4
            found = await store.read(CHAT)
            assert (found.entries, found.stream.head, found.stream.base) == ((), 6, 6)
            assert await store.append(CHAT, [Draft("7")], expected=6, at=3.0) == 7

        play(story)

    def test_a_front_is_pruned_together_with_a_new_seal(self, play: Play) -> None:
        async def story(store: JournalStore) -> None:
            await store.append(CHAT, [Draft(str(n)) for n in range(1, 6)], expected=0, at=1.0, seal="first")
            with pytest.raises(StreamConflict):
                await store.forget(CHAT, before=3, expected=4, seal="wrong")
            assert (await store.read(CHAT)).stream.seal == "first"
            assert await store.forget(CHAT, before=3, expected=5, seal="second") == 2
            assert (await store.read(CHAT)).stream.seal == "second"
            # Where nothing is removed, another's seal is not replaced by one that was made for an earlier front.
            assert await store.forget(CHAT, before=2, expected=5, seal="late") == 0
            assert await store.forget(CHAT, before=4) == 1
            found = (await store.read(CHAT)).stream
            assert (found.seal, found.base) == ("second", 3)
            for before in (5, None):
                with pytest.raises(StreamConflict):
                    await store.forget(CHAT, before=before, replacing="first")
            assert await store.forget(CHAT, before=5, replacing="second") == 1
            with pytest.raises(ConfigurationError):
                await store.forget(Scope("acme"), seal="none")
            assert await store.forget(CHAT, replacing="second") == 1

        play(story)

    def test_a_subject_is_forgotten_with_all_it_has_and_no_other_is(self, play: Play) -> None:
        owners = [
            Scope("acme", "ann"),
            Scope("acme", "ann", "s1"),
            Scope("acme", "ann", "s2"),
            Scope("acme", "bob"),
            Scope("", "ann"),
            Scope("acmeann"),
        ]

        async def story(store: JournalStore) -> None:
            async def left(subject: Scope) -> list[Scope]:
                for owner in owners:
                    for kind in ("run", "session"):
                        key = StreamKey(owner, kind, "one")
                        if not (await store.read(key)).stream.head:
                            await store.append(key, [Draft("1")], expected=0, at=1.0)
                gone = await store.forget(subject)
                found = [stream.key.owner for stream in (await store.list(StreamQuery(kind="run"))).streams]
                assert gone == 2 * (len(owners) - len(found))
                return [owner for owner in owners if owner in found]

            assert await left(Scope("acme", "ann", "s1")) == [owner for owner in owners if owner.session != "s1"]
            assert await left(Scope("acme", "ann")) == owners[3:]
            assert await left(Scope("acme")) == owners[4:]
            assert await left(Scope("", "ann")) == [*owners[:4], owners[5]]
            with pytest.raises(ConfigurationError):
                await store.forget(Scope())
            with pytest.raises(ConfigurationError):
                await store.forget(Scope("acme"), before=3)

        play(story)
