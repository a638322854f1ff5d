"""What a store must hold after the deeds that were acknowledged, and after the one that was not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lightagent.domain.journals.streams import Draft, StreamQuery
from lightagent.ports.journals import JournalStore
from tests.support.crashes.program import OWNER, Deed, key_of, take_lease


@dataclass(frozen=True, slots=True)
class Kept:
    """A stream: the entries that are kept of it, and how many were forgotten before them."""

    contents: tuple[str, ...] = ()
    base: int = 0

    @property
    def head(self) -> int:
        """The sequence of the last entry."""
        return self.base + len(self.contents)


Streams = dict[str, Kept]


def after(streams: Streams, deed: Deed) -> Streams:
    """The streams after a deed. A lease changes none."""
    kept = streams.get(deed.stream, Kept())
    if deed.do == "append":
        return {**streams, deed.stream: replace(kept, contents=(*kept.contents, *deed.contents))}
    if deed.do == "forget" and deed.before:
        gone = deed.before - 1 - kept.base
        return {**streams, deed.stream: Kept(kept.contents[gone:], deed.before - 1)}
    if deed.do == "forget":
        return {name: one for name, one in streams.items() if name != deed.stream}
    return streams


async def found_in(store: JournalStore) -> Streams:
    """The streams of a store, listed and read as a whole; the listing and the entries must agree."""
    page = await store.list(StreamQuery(user=OWNER.user, tenant=OWNER.tenant, limit=1000))
    assert page.unreadable == ()
    found = Streams()
    for stream in page.streams:
        entries = list[str]()
        while True:
            more = await store.read(stream.key, stream.base + len(entries))
            entries += [entry.content for entry in more.entries]
            if not more.entries:
                break
        assert stream.head == stream.base + len(entries)
        assert stream.size == sum(map(len, entries))
        assert not entries or stream.base or stream.labels == {"last": entries[-1]}
        found[stream.key.id] = Kept(tuple(entries), stream.base)
    return found


async def check(store: JournalStore, possible: Sequence[Streams]) -> Streams:
    """The streams that a store holds, which must be one of those that are possible."""
    found = await found_in(store)
    assert found in possible
    return found


async def check_use(
    store: JournalStore, streams: Streams, used: Iterable[str], text: str, above: int
) -> tuple[Streams, int]:
    """Append to some streams under leases, as if nothing had been; all streams then, and the last token that was given.

    Args:
        above: the last token that is known to have been given before.
    """
    for stream in used:
        key, head = key_of(stream), streams.get(stream, Kept()).head
        above, before = await take_lease(store, key, "checks"), above
        assert above > before
        await store.append(key, [Draft(text)], expected=head, at=1.0, labels={"last": text}, token=above)
        await store.lease(key, "checks", 0.0, above)
        streams = after(streams, Deed("append", stream, contents=(text,)))
    return await check(store, [streams]), above
