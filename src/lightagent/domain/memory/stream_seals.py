"""How the streams of memories are named and sealed, so that they tell nothing without the key.

A stream is named by a code of its owner, and found by codes of the parts of its owner. Each entry has a code over its
content, its place and the entry before. So an owner who was erased leaves no name, and it takes more than access to the
journal store to forge, change, move or leave out an entry, whether or not that store is sealed as well. That the last
entries were cut off, or that a whole stream was deleted, is told by a sealed journal store whose heads are kept
elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest, digest
from typing import Final

from lightagent.domain.journals.keys import derived, packed
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.journals.streams import Entry, StreamKey
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.seals import StreamPlace
from lightagent.domain.scopes import Scope

KIND: Final = "memory"
"""The kind of the streams that say what was done with memories."""

_LABELLED: Final = ("namespace", "user", "session", "agent")
_SHORT: Final = 16


def stream_keys(keys: SealKeys, owner: MemoryOwner) -> tuple[StreamKey, ...]:
    """The names that the stream of an owner may have: by the first key, which new streams are named by, and the others.

    Only the tenant stands there as it is, so that a tenant who leaves is forgotten in the journal store as well.
    """
    return tuple(
        StreamKey(Scope(owner.tenant), KIND, _mark(root, "name", *owner.parts)) for root in keys.roots.values()
    )


def stream_labels(keys: SealKeys, key_id: str, parts: Mapping[str, str | None]) -> dict[str, str]:
    """What the streams of owners with these parts are found by, among those that are named by one of the keys.

    Args:
        parts: the parts of `MemoryOwner` by name; None leaves one open.
    """
    root = keys.roots[key_id]
    given = {name: parts.get(name) for name in _LABELLED}
    marks = {name: _mark(root, name, part)[:32] for name, part in given.items() if part is not None}
    return {"store": _mark(root, "store")[:32], **marks}


def entry_seal(keys: SealKeys, key: StreamKey, before: str, entry: Entry) -> str:
    """The seal of an entry, by the current key.

    Args:
        before: the seal of the entry before; empty for the first, and for one that starts a new chain.
    """
    return f"{keys.current}.{_code(keys.roots[keys.current], key, before, entry)}"


def entry_fits(keys: SealKeys, key: StreamKey, before: str, entry: Entry) -> bool:
    """Whether an entry is what was written there, after the one whose seal is `before`."""
    name, _, code = entry.seal.partition(".")
    root = keys.roots.get(name)
    if root is None:
        return False
    expected = _code(root, key, before, entry)
    return compare_digest(expected.encode(), code.encode("utf-8", "surrogatepass"))


def place_at(sequence: int, seal: str) -> StreamPlace:
    """The end of a stream whose last entry has this seal, as memories that are sealed then name it."""
    return StreamPlace(sequence, seal.partition(".")[2][:_SHORT])


def _code(root: bytes, key: StreamKey, before: str, entry: Entry) -> str:
    place = (key.owner.tenant, key.id, before, str(entry.sequence))
    parts = packed("memory stream entry", *place, entry.content, str(entry.schema))
    return digest(derived(root, "memory stream"), parts, "sha256").hex()


def _mark(root: bytes, *texts: str) -> str:
    return digest(derived(root, "memory stream names"), packed(*texts), "sha256").hex()
