"""Journal stores and heads that pass everything on, and fail or wait on the way; and what is asked of stores."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence

from lightagent.application.journals.verify import verify_journals
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.heads import StreamHead
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, Lease, Slice, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore

SPRING, SUMMER = {"spring": "s" * 32}, {"summer": "t" * 32}
KEYS = seal_keys("shop", SPRING)
ANN = Scope("acme", "ann")
CHAT = StreamKey(ANN, "session", "chat")


async def contents(store: JournalStore, key: StreamKey = CHAT) -> list[str]:
    return [entry.content for entry in (await store.read(key)).entries]


async def faults(store: JournalStore) -> list[StreamKey | None]:
    return [fault.key async for fault in verify_journals(store)]


class WrappedStore(JournalStore):
    """A store that passes everything on, after `before` and before `after`."""

    def __init__(self, inner: JournalStore) -> None:
        self._inner = inner

    async def before(self, *, writes: bool) -> None:
        """Comes before each call."""

    async def after(self, *, writes: bool) -> None:
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
        await self.after(writes=True)
        return last

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        await self.before(writes=False)
        found = await self._inner.read(key, after, limit, wait)
        await self.after(writes=False)
        return found

    async def list(self, query: StreamQuery) -> StreamPage:
        await self.before(writes=False)
        page = await self._inner.list(query)
        await self.after(writes=False)
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
        await self.after(writes=True)
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


class MortalStore(WrappedStore):
    """The store as a process sees it that dies at one of its appends: nothing it does afterwards gets anywhere.

    Args:
        appends: how many it lives to see.
        commits: whether the one at which it dies still gets in, so that only its answer is lost.
    """

    def __init__(self, inner: JournalStore, appends: int, *, commits: bool) -> None:
        super().__init__(inner)
        self.dead = asyncio.Event()
        self._left = appends
        self._commits = commits

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
        async def put() -> int:
            return await WrappedStore.append(
                self,
                key,
                drafts,
                expected=expected,
                at=at,
                labels=labels,
                token=token,
                seal=seal,
                replacing=replacing,
            )

        self._left -= 1
        if self._left >= 0:
            return await put()
        if self._left == -1 and self._commits:
            await put()
        return await self._die()

    async def before(self, *, writes: bool) -> None:
        if self.dead.is_set():
            raise StoreError("The process is dead.")

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        await self.before(writes=True)
        return await super().lease(key, holder, seconds, token)

    async def _die(self) -> int:
        """Wait for the end of the task, as far as it is the first one here."""
        await self.before(writes=True)
        self.dead.set()
        await asyncio.Event().wait()
        raise AssertionError("Nothing follows death.")


class CountingStore(WrappedStore):
    """A store that counts what is read and written. Numbers and ids count as one character, whatever they are."""

    def __init__(self, inner: JournalStore) -> None:
        super().__init__(inner)
        self.entries = self.written = self.calls = 0

    async def before(self, *, writes: bool) -> None:
        self.calls += 1

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
        self.written += sum(len(re.sub(r"[0-9a-f]{8,}|[0-9]+", "0", draft.content)) for draft in drafts)
        return await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        found = await super().read(key, after, limit, wait)
        self.entries += len(found.entries)
        return found


class SlowStore(WrappedStore):
    """A store whose calls and answers take a few turns of the loop."""

    def __init__(self, inner: JournalStore, chance: random.Random) -> None:
        super().__init__(inner)
        self._chance = chance

    async def before(self, *, writes: bool) -> None:
        await self.after(writes=writes)

    async def after(self, *, writes: bool) -> None:
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

    async def known(self) -> AsyncIterator[StreamHead | str]:
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
