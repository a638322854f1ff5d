"""Keys of sealed stores, what is interrupted, what goes on at once, and what is copied."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore, SealedOptions, StoreHeads
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.registry import open_adapter
from lightagent.application.copy_journals import copy_journals
from lightagent.application.verify_journals import verify_journals
from lightagent.domain.errors import ConfigurationError, DamagedStream, StoreError, StreamConflict, TamperedStream
from lightagent.domain.journal_heads import StreamHead
from lightagent.domain.journal_seals import seal_keys
from lightagent.domain.journal_streams import Draft, Lease, Slice, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore

ANN = Scope("acme", "ann")
CHAT = StreamKey(ANN, "session", "chat")
SPRING, SUMMER = {"spring": "s" * 32}, {"summer": "t" * 32}
KEYS = seal_keys("shop", SPRING)


async def contents(store: JournalStore, key: StreamKey = CHAT) -> list[str]:
    return [entry.content for entry in (await store.read(key)).entries]


async def faults(store: JournalStore) -> list[StreamKey | None]:
    return [fault.key async for fault in verify_journals(store)]


async def test_keys_are_rotated_and_what_the_older_ones_sealed_is_read() -> None:
    inner = MemoryJournalStore()
    older = SealedJournalStore(inner, KEYS)
    await older.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0)
    both = SealedJournalStore(inner, seal_keys("shop", SPRING | SUMMER, "summer"))
    assert await contents(both) == ["1", "2"]
    await both.append(CHAT, [Draft("3")], expected=2, at=2.0)
    await both.forget(CHAT, before=2)
    assert await contents(both) == ["2", "3"]
    assert [entry.seal.split(".")[1] for entry in (await inner.read(CHAT)).entries] == ["spring", "summer"]
    # Whoever has only one of them reads nothing: entry 3 is linked to entry 2, and the row is sealed with the new one.
    for alone in (SPRING, SUMMER):
        with pytest.raises(TamperedStream, match="not among the keys"):
            await contents(SealedJournalStore(inner, seal_keys("shop", alone)))
    # Once everything is copied with the new key, the old one is not needed any more.
    fresh = MemoryJournalStore()
    assert await copy_journals(both, SealedJournalStore(fresh, seal_keys("shop", SUMMER))) == 1
    assert await contents(SealedJournalStore(fresh, seal_keys("shop", SUMMER))) == ["2", "3"]


@pytest.mark.parametrize(
    "keys",
    [
        seal_keys("market", SPRING),
        seal_keys("shop", {"spring": "t" * 32}),
        seal_keys("shop", {"spring": "t" * 32, "summer": "s" * 32}, "spring"),
    ],
    ids=["another name", "another secret", "secrets exchanged"],
)
async def test_other_keys_read_and_write_nothing(keys: object) -> None:
    inner = MemoryJournalStore()
    right = seal_keys("shop", SPRING | SUMMER, "spring")
    await SealedJournalStore(inner, right).append(CHAT, [Draft("1")], expected=0, at=1.0)
    assert isinstance(keys, type(KEYS))
    wrong = SealedJournalStore(inner, keys)
    with pytest.raises(TamperedStream):
        await wrong.read(CHAT)
    with pytest.raises(TamperedStream):
        await wrong.append(CHAT, [Draft("2")], expected=1, at=2.0)
    with pytest.raises(TamperedStream):
        await wrong.forget(CHAT, before=2)
    assert (await wrong.list(StreamQuery())).streams == ()
    assert await contents(SealedJournalStore(inner, right)) == ["1"]
    # To forget needs no key: data that nobody can vouch for has to be removable too.
    assert await wrong.forget(CHAT) == 1


@pytest.mark.parametrize(
    ("secrets", "current", "told"),
    [
        ({}, "", "not among the keys"),
        (SPRING | SUMMER, "", "not among the keys"),
        (SPRING, "autumn", "'autumn' is not among the keys"),
        ({"spring": "s" * 31}, "", "fewer than 32 bytes"),
        ({"a.b": "s" * 32}, "", "'a.b' is no id"),
        ({"": "s" * 32}, "", "not among|is no id"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(secrets: dict[str, str], current: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        seal_keys("shop", secrets, current)
    assert "sss" not in str(refused.value)


def test_secrets_are_not_shown() -> None:
    options: dict[str, object] = {"store": {"kind": "memory"}, "name": "shop", "keys": {"spring": "very-secret-" * 4}}
    assert "very-secret" not in repr(open_adapter("journals", "sealed", options))
    assert "very-secret" not in repr(seal_keys("shop", {"spring": "very-secret-" * 4}))
    with pytest.raises(ConfigurationError) as refused:
        open_adapter("journals", "sealed", {**options, "heads": {"kind": "nowhere"}})
    assert "very-secret" not in str(refused.value)
    nested = {"kind": "postgres", "dsn": "postgresql://user:very-secret@host/db"}
    heads = {"kind": "store", "store": nested}
    assert "very-secret" not in repr(SealedOptions.model_validate({**options, "store": nested, "heads": heads}))


@pytest.mark.parametrize("store", [{}, {"kind": "nowhere"}, {"kind": "sqlite"}, {"kind": "memory", "more": 1}])
def test_the_store_below_is_checked_with_its_place(store: dict[str, object]) -> None:
    right = {"store": {"kind": "memory"}, "name": "shop", "keys": SPRING}
    with pytest.raises(ConfigurationError, match=r"journals\.store"):
        open_adapter("journals", "sealed", {**right, "store": store})
    with pytest.raises(ConfigurationError, match=r"journals\.heads\.store"):
        open_adapter("journals", "sealed", {**right, "heads": {"kind": "store", "store": store}})


async def test_seals_of_sealed_stores_nest() -> None:
    inner = MemoryJournalStore()
    both = SealedJournalStore(SealedJournalStore(inner, KEYS), seal_keys("market", SUMMER))
    await both.append(CHAT, [Draft("1", seal="a.b")], expected=0, at=1.0, seal="c.d")
    await both.append(CHAT, [Draft("2")], expected=1, at=1.0, seal="e")
    await both.forget(CHAT, before=2, seal="f.")
    found = await both.read(CHAT, -1)
    assert (found.entries[0].seal, found.stream.seal) == ("", "f.")


@pytest.mark.parametrize("after", [0, 1, 5, 999, 1000, 1001, 1500, 1999, 2000, 3000, -1, -999, -1000, -1500, -9999])
async def test_pages_of_any_place_and_size_are_those_of_the_store_below(after: int) -> None:
    inner = MemoryJournalStore()
    store = SealedJournalStore(inner, KEYS)
    await store.append(CHAT, [Draft(str(n)) for n in range(1, 2001)], expected=0, at=1.0)
    for base in (0, 1, 998, 1000, 1999, 2000):
        if base:
            await store.forget(CHAT, before=base + 1)
        for limit in (1, 2, 999, 1000):
            found, raw = await store.read(CHAT, after, limit), await inner.read(CHAT, after, limit)
            assert [one.content for one in found.entries] == [one.content for one in raw.entries], (base, limit)


class WrappedHeads(JournalHeads):
    """Heads that pass everything on, each replacement after `before`."""

    def __init__(self, inner: JournalHeads) -> None:
        self.inner = inner

    async def before(self) -> None:
        """Comes before each replacement."""

    async def find(self, mark: str) -> StreamHead | None:
        return await self.inner.find(mark)

    async def replace(self, mark: str, old: StreamHead | None, new: StreamHead) -> bool:
        await self.before()
        return await self.inner.replace(mark, old, new)

    async def known(self) -> AsyncIterator[StreamHead]:
        async for head in self.inner.known():
            yield head

    async def aclose(self) -> None:
        await self.inner.aclose()


class FailingHeads(WrappedHeads):
    """Heads that cannot be written after a number of times, as if the process had ended there."""

    writes_left = 10**9

    async def before(self) -> None:
        if self.writes_left <= 0:
            raise StoreError("The process ended.")
        self.writes_left -= 1


class HeldHeads(WrappedHeads):
    """Heads whose replacement waits where it is held."""

    def __init__(self, inner: JournalHeads) -> None:
        super().__init__(inner)
        self.held, self.reached, self.go_on = False, asyncio.Event(), asyncio.Event()

    async def before(self) -> None:
        if self.held:
            self.reached.set()
            await self.go_on.wait()


@pytest.fixture(params=["files", "store"])
def heads(request: pytest.FixtureRequest, tmp_path: Path) -> FailingHeads:
    inner = FileHeads(tmp_path, fsync=False) if request.param == "files" else StoreHeads(MemoryJournalStore(), "shop")
    return FailingHeads(inner)


@pytest.mark.parametrize("writes", range(6))
async def test_wherever_the_heads_are_cut_off_the_store_goes_on(heads: FailingHeads, writes: int) -> None:
    """A stream is begun, gone on with, forgotten and begun again; after any write of a head the process ends."""
    inner = MemoryJournalStore()

    async def life(store: JournalStore) -> None:
        head = (await store.read(CHAT)).stream.head
        for turn in range(head, 3):
            await store.append(CHAT, [Draft(str(turn))], expected=turn, at=1.0)
        await store.forget(CHAT, expected=3)
        await store.append(CHAT, [Draft("anew")], expected=0, at=2.0)

    heads.writes_left = writes
    with suppress(StoreError):
        await life(SealedJournalStore(inner, KEYS, heads))
    heads.writes_left = 10**9
    store = SealedJournalStore(inner, KEYS, heads)
    assert await faults(store) == []
    found = await contents(store)
    assert found in (["0", "1", "2"][: len(found)], ["anew"])
    if found != ["anew"]:
        await life(store)
    assert await contents(SealedJournalStore(inner, KEYS, heads)) == ["anew"]
    assert await faults(store) == []
    # What was cut off did not leave the heads behind for good.
    older = await inner.read(CHAT)
    await store.append(CHAT, [Draft("next")], expected=1, at=3.0)
    await inner.forget(CHAT)
    await inner.append(
        CHAT,
        [Draft(one.content, one.schema, one.seal) for one in older.entries],
        expected=0,
        at=2.0,
        seal=older.stream.seal,
    )
    with pytest.raises(TamperedStream):
        await store.read(CHAT)
    await heads.aclose()


async def test_a_name_does_not_outlive_its_data(tmp_path: Path) -> None:
    place, kept = FileHeads(tmp_path / "heads"), MemoryJournalStore()
    key = StreamKey(Scope("acme", "ann.rosenbaum"), "session", "chat")
    for heads in (place, StoreHeads(kept, "shop")):
        store = SealedJournalStore(MemoryJournalStore(), KEYS, heads)
        for what in (key, key.owner):
            for turn in range(3):
                await store.append(key, [Draft("1")], expected=turn, at=1.0)
            assert [head.key async for head in heads.known()] == [key]
            assert await store.forget(what) == 1
            assert [head.key async for head in heads.known()] == [None]
    files = await asyncio.to_thread(lambda: [path.read_text() for path in tmp_path.glob("heads/*/*")])
    (stream,) = (await kept.list(StreamQuery())).streams
    written = files + [entry.content for entry in (await kept.read(stream.key)).entries]
    assert len(written) == 2
    assert "rosenbaum" not in " ".join(written)
    await place.aclose()


@pytest.mark.parametrize("kind", ["files", "store"])
async def test_of_many_who_replace_the_same_head_one_succeeds(tmp_path: Path, kind: str) -> None:
    """Each with an object of its own, as several processes have them."""
    kept = MemoryJournalStore()
    many = [FileHeads(tmp_path / "heads") if kind == "files" else StoreHeads(kept, "shop") for _ in range(6)]
    old: StreamHead | None = None
    for turn in range(10):
        wanted = [StreamHead(f"{turn} {place}", turn, key=CHAT) for place in range(len(many))]
        replaced = await asyncio.gather(
            *(heads.replace("ab12", old, new) for heads, new in zip(many, wanted, strict=True))
        )
        assert replaced.count(True) == 1
        old = await many[turn % 6].find("ab12")
        assert old == wanted[replaced.index(True)]
    assert await many[0].find("cd34") is None
    for heads in many:
        await heads.aclose()


async def test_heads_do_not_grow_with_their_stream(tmp_path: Path) -> None:
    kept = MemoryJournalStore()
    store = SealedJournalStore(MemoryJournalStore(), KEYS, StoreHeads(kept, "shop"))
    for turn in range(200):
        await store.append(CHAT, [Draft("1")], expected=turn, at=1.0)
    (stream,) = (await kept.list(StreamQuery())).streams
    assert stream.head - stream.base < 50


async def test_a_head_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    heads = FileHeads(tmp_path / "heads", fsync=False)
    store = SealedJournalStore(MemoryJournalStore(), KEYS, heads)
    await store.append(CHAT, [Draft("1")], expected=0, at=1.0)
    (path,) = (tmp_path / "heads").glob("*/*.json")
    for text in ("", "{}", "\u00e9", '{"birth": "x", "key": ["a"]}', "[1]", '{"birth": "x", "more": 1}'):
        path.write_text(text, "utf-8")
        with pytest.raises(DamagedStream, match="backup"):
            await store.read(CHAT)
    await heads.aclose()


@pytest.mark.parametrize("with_heads", [False, True])
async def test_many_who_write_prune_forget_and_read_at_once_never_see_a_false_alarm(
    tmp_path: Path, with_heads: bool
) -> None:
    """Two processes, as it were: each has objects of its own."""
    keys = [StreamKey(ANN, "session", name) for name in ("one", "two")]
    stores = [
        SealedJournalStore(
            SqliteJournalStore(tmp_path / "journals.db", synchronous="normal"),
            KEYS,
            FileHeads(tmp_path / "heads", fsync=False) if with_heads else None,
        )
        for _ in range(2)
    ]
    chance, counts = random.Random(7), dict.fromkeys(("append", "read", "prune", "forget", "list", "subject"), 0)

    async def act(store: JournalStore) -> None:
        for _ in range(60):
            key = chance.choice(keys)
            deed = chance.choices([*counts], weights=[8, 4, 2, 2, 2, 1])[0]
            counts[deed] += 1
            head = (await store.read(key)).stream.head
            with suppress(StreamConflict):
                if deed == "append":
                    await store.append(key, [Draft("1"), Draft("2")], expected=head, at=1.0, labels={"a": str(head)})
                elif deed == "prune":
                    await store.forget(key, before=head)
                elif deed == "forget":
                    await store.forget(key, expected=head)
                elif deed == "subject":
                    await store.forget(ANN)
                elif deed == "list":
                    assert (await store.list(StreamQuery(kind="session"))).unreadable == ()

    await asyncio.gather(*(act(store) for store in stores for _ in range(3)))
    assert min(counts.values()) > 5
    for store in stores:
        assert await faults(store) == []
        await store.aclose()


async def test_two_streams_that_were_announced_together_are_not_taken_for_one() -> None:
    """One is begun, gone on with and forgotten; then comes the other, and only then the note about the first."""
    inner, heads = MemoryJournalStore(), StoreHeads(MemoryJournalStore(), "shop")
    slow_store, slow_heads = HeldStore(inner), HeldHeads(heads)
    second = asyncio.create_task(
        SealedJournalStore(slow_store, KEYS, heads).append(CHAT, [Draft("second")], expected=0, at=1.0)
    )
    await slow_store.reached.wait()
    first = SealedJournalStore(inner, KEYS, slow_heads)
    await first.append(CHAT, [Draft("first")], expected=0, at=1.0)
    slow_heads.held = True
    going_on = asyncio.create_task(first.append(CHAT, [Draft("more")], expected=1, at=1.0))
    await slow_heads.reached.wait()
    other = SealedJournalStore(inner, KEYS, heads, patience=0)
    assert await other.forget(CHAT) == 1
    slow_store.go_on.set()
    assert await second == 1
    slow_heads.go_on.set()
    assert await going_on == 2
    assert await contents(other) == ["second"]
    assert await faults(other) == []


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_comes_between_two_steps_is_no_false_alarm(seed: int) -> None:
    """The same in one process, where every call of a store or of heads may be overtaken by any other."""
    chance = random.Random(seed)
    inner, kept = MemoryJournalStore(), MemoryJournalStore()
    stores = [
        SealedJournalStore(SlowStore(inner, chance), KEYS, StoreHeads(SlowStore(kept, chance), "shop"))
        for _ in range(4)
    ]
    keys = [StreamKey(ANN, "session", name) for name in ("one", "two")]

    async def act(store: JournalStore) -> None:
        for _ in range(40):
            key = chance.choice(keys)
            head = (await store.read(key)).stream.head
            with suppress(StreamConflict):
                match chance.choice(("append", "append", "append", "prune", "forget", "subject", "list")):
                    case "append":
                        await store.append(key, [Draft("1")], expected=head, at=1.0)
                    case "prune":
                        await store.forget(key, before=head)
                    case "forget":
                        await store.forget(key, expected=chance.choice([head, None]))
                    case "subject":
                        await store.forget(ANN)
                    case _:
                        assert (await store.list(StreamQuery())).unreadable == ()

    await asyncio.gather(*(act(store) for store in stores))
    assert await faults(stores[0]) == []


@pytest.mark.parametrize("kind", ["unsealed", "sealed"])
async def test_a_store_is_copied_as_it_is_and_again_after_an_interruption(kind: str) -> None:
    source: JournalStore = MemoryJournalStore()
    if kind == "sealed":
        source = SealedJournalStore(source, seal_keys("old", SUMMER))
    keys = [StreamKey(ANN, "session", name) for name in ("long", "pruned", "all pruned", "one")]
    for key, count, base in zip(keys, (2500, 2100, 30, 1), (0, 2050, 30, 0), strict=True):
        await source.append(key, [Draft("0", schema=3)], expected=0, at=1.5, labels={"a": "b"})
        if count > 1:
            drafts = [Draft(str(n), seal="s") for n in range(1, count)]
            await source.append(key, drafts, expected=1, at=7.5, labels={"c": key.id}, seal="row")
        await source.forget(key, before=base + 1)
    inner = MemoryJournalStore()
    target = SealedJournalStore(inner, KEYS)
    for stopped_after in (1, 2, 5, 10**9):
        copied = StoppingStore(inner, stopped_after)
        with suppress(StoreError):
            assert await copy_journals(source, SealedJournalStore(copied, KEYS)) == 4
    assert (await target.list(StreamQuery())).streams == (await source.list(StreamQuery())).streams
    for key in keys:
        for after in (0, 1000, 2000):
            assert await target.read(key, after) == await source.read(key, after)
    assert await faults(target) == []


async def test_what_was_written_without_seals_is_only_taken_by_an_explicit_copy() -> None:
    plain, sealed = MemoryJournalStore(), MemoryJournalStore()
    await plain.append(CHAT, [Draft("1")], expected=0, at=1.0)
    store = SealedJournalStore(plain, KEYS)
    with pytest.raises(TamperedStream, match="has to be copied into the store"):
        await store.read(CHAT)
    with pytest.raises(TamperedStream):
        await store.append(CHAT, [Draft("2")], expected=1, at=2.0)
    assert await copy_journals(plain, SealedJournalStore(sealed, KEYS)) == 1
    assert await contents(SealedJournalStore(sealed, KEYS)) == ["1"]


async def test_a_copy_does_not_mix_two_streams_of_one_key() -> None:
    source, target = MemoryJournalStore(), SealedJournalStore(MemoryJournalStore(), KEYS)
    await source.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0)
    await target.append(CHAT, [Draft("another")], expected=0, at=1.0)
    with pytest.raises(StoreError, match="another stream"):
        await copy_journals(source, target)


class WrappedStore(JournalStore):
    """A store that passes everything on, after `before` and before `after`."""

    def __init__(self, inner: JournalStore) -> None:
        self._inner = inner

    async def before(self, *, writes: bool) -> None:
        """Comes before each call."""

    async def after(self) -> None:
        """Comes after each call."""

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        await self.before(writes=True)
        last = await self._inner.append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        await self.after()
        return last

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        await self.before(writes=False)
        found = await self._inner.read(key, after, limit, wait)
        await self.after()
        return found

    async def list(self, query: StreamQuery) -> StreamPage:
        await self.before(writes=False)
        page = await self._inner.list(query)
        await self.after()
        return page

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        return await self._inner.lease(key, holder, seconds, token)

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        await self.before(writes=True)
        gone = await self._inner.forget(what, before=before, expected=expected, seal=seal, replacing=replacing)
        await self.after()
        return gone

    async def aclose(self) -> None:
        await self._inner.aclose()


class StoppingStore(WrappedStore):
    """A store that can be written to a number of times."""

    def __init__(self, inner: JournalStore, writes: int) -> None:
        super().__init__(inner)
        self._writes = writes

    async def before(self, *, writes: bool) -> None:
        self._writes -= writes
        if self._writes < 0:
            raise StoreError("It was stopped.")


class SlowStore(WrappedStore):
    """A store whose calls and answers take a few turns of the loop."""

    def __init__(self, inner: JournalStore, chance: random.Random) -> None:
        super().__init__(inner)
        self._chance = chance

    async def before(self, *, writes: bool) -> None:
        await self.after()

    async def after(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)


class HeldStore(WrappedStore):
    """A store that holds whoever writes to it."""

    def __init__(self, inner: JournalStore) -> None:
        super().__init__(inner)
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def before(self, *, writes: bool) -> None:
        if writes:
            self.reached.set()
            await self.go_on.wait()
