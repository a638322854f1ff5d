"""How journals are sealed: what a seal covers, how it is computed, and the checks.

Each entry's code covers its content, schema and place, and the code of the entry before: a keyed chain. The code of the
row covers what is known of the stream without its entries, and both ends of the chain, so that a listing is checked
without reading entries, and the front can be removed only with the key. The keys of a stream are derived from
the secret, the name of the store, the stream's key and its birth: what is genuine elsewhere, or was before the stream
was forgotten and begun again, is not genuine here.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from lightagent.domain.errors import TamperedStream
from lightagent.domain.journals.keys import current_key, key_texts, packed, root_key, tampered
from lightagent.domain.journals.streams import Draft, Entry, StreamInfo, StreamKey

_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class SealKeys:
    """The keys of one store; see `seal_keys`."""

    store: str
    current: str
    roots: Mapping[str, bytes] = field(repr=False)


def seal_keys(store: str, secrets: Mapping[str, str], current: str = "", *, use: str = "store") -> SealKeys:
    """Derive the keys of a store.

    Args:
        store: the store's name, which is part of every key. It cannot be changed later.
        secrets: by key id; each at least 32 bytes of random text. What was sealed with any of them is accepted.
        current: the id of the key that seals from now on; may be left out if there is only one.
        use: what the keys are for; those of another use are other keys.

    Raises:
        ConfigurationError: the current key is missing, an id has other characters than `A-Za-z0-9_-`, or a secret is
            too short.
    """
    current = current_key("seal", secrets, current)
    return SealKeys(
        store,
        current,
        {name: root_key(secret, use, store, name) for name, secret in secrets.items()},
    )


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What the seal of a stream says, once it was checked.

    Attributes:
        birth: tells this stream from one of the same key that was forgotten.
        tip: the code of the last entry.
        front: the code of the last entry that was pruned; empty where none was.
        outer: the seal that the caller gave.
    """

    birth: str
    tip: str
    front: str = ""
    outer: str = ""


class StreamSeals:
    """Seals and checks the row and the entries of one stream."""

    def __init__(self, keys: SealKeys, key: StreamKey) -> None:
        self._keys, self._key = keys, key
        self._name = packed(*key_texts(key))
        self._derived: dict[tuple[str, str], bytes] = {}

    @property
    def mark(self) -> str:
        """Stands for the stream of this store where its name is not to be told; the same whatever the keys are."""
        return sha256(packed("mark", self._keys.store) + self._name).hexdigest()

    def seal_entries(self, row: SealedRow, head: int, drafts: Sequence[Draft]) -> tuple[list[Draft], str]:
        """Drafts that follow the stream's end with their seals, and the code of the last one."""
        current, link = self._keys.current, row.tip
        secret, sealed = self._secret(current, row.birth), list[Draft]()
        for sequence, draft in enumerate(drafts, head + 1):
            link = _entry_code(secret, link, sequence, draft.content, draft.schema, draft.seal)
            sealed.append(Draft(draft.content, draft.schema, _joined(current, link, outer=draft.seal)))
        return sealed, link

    def seal_row(self, stream: StreamInfo, row: SealedRow) -> str:
        """The seal of a stream as it will be."""
        current = self._keys.current
        code = self._row_code(current, stream, row)
        return _joined(current, row.birth, row.tip, row.front, code, outer=row.outer)

    def open_row(self, stream: StreamInfo) -> SealedRow | None:
        """Return what the seal of a stream says, or None if the stream has no entries.

        Raises:
            TamperedStream: there is none, or it does not fit the row.
        """
        if stream.key != self._key:
            raise self.tampered("the store gave another stream")
        if not stream.head:
            return None
        (name, birth, tip, front, code), outer = self._parted(stream.seal, 5, "the stream")
        row = SealedRow(birth, tip, front, outer)
        if not _same(code, self._row_code(name, stream, row)):
            raise self.tampered("its labels, times, owner, ends or seal were changed")
        return row

    def link_of(self, entry: Entry) -> str:
        """The code that an entry claims, which the next one covers.

        Raises:
            TamperedStream: it has none.
        """
        (_, code), _ = self._parted(entry.seal, 2, f"entry {entry.sequence}")
        return code

    def open_entry(self, row: SealedRow, link: str, entry: Entry) -> tuple[Entry, str]:
        """An entry with the seal that its writer gave, and its code.

        Args:
            link: the code of the entry before; empty for the first.

        Raises:
            TamperedStream: it is not what was written there.
        """
        (name, code), outer = self._parted(entry.seal, 2, f"entry {entry.sequence}")
        secret = self._secret(name, row.birth)
        if not _same(code, _entry_code(secret, link, entry.sequence, entry.content, entry.schema, outer)):
            raise self.tampered(f"entry {entry.sequence} was changed, moved or put there")
        return Entry(entry.sequence, entry.content, entry.schema, outer), code

    def tampered(self, what: str) -> TamperedStream:
        """The error that says what was found of this stream."""
        return tampered(self._key, what)

    def _secret(self, name: str, birth: str) -> bytes:
        found = self._derived.get((name, birth))
        if found is None:
            root = self._keys.roots.get(name)
            if root is None:
                raise self.tampered(f"it is sealed with the key {name!r:.50}, which is not among the keys")
            found = self._derived[name, birth] = digest(root, packed("stream", birth) + self._name, "sha256")
        return found

    def _row_code(self, name: str, stream: StreamInfo, row: SealedRow) -> str:
        labels = [text for pair in sorted(stream.labels.items()) for text in pair]
        times = [repr(float(at) + 0.0) for at in (stream.created_at, stream.updated_at)]
        told = packed(
            "row", str(stream.head), str(stream.base), *times, row.tip, row.front, row.outer, str(len(labels)), *labels
        )
        return _text(digest(self._secret(name, row.birth), told, "sha256"))

    def _parted(self, seal: str, count: int, what: str) -> tuple[list[str], str]:
        """The parts of a seal of ours, and the seal that the caller gave."""
        if not seal:
            raise self.tampered(f"{what} has no seal; what was written without seals has to be copied into the store")
        version, *parts = seal.split(".", count + 1)
        outer = parts.pop() if len(parts) > count else ""
        if version != _VERSION or len(parts) != count:
            raise self.tampered(f"the seal of {what} is none")
        return parts, outer


def _entry_code(secret: bytes, link: str, sequence: int, content: str, schema: int, outer: str) -> str:
    """The lengths stand in front, so that no text can pass for a part of another."""
    before = link.encode("utf-8", "surrogatepass")
    around = outer.encode("utf-8", "surrogatepass")
    lengths = f"entry {sequence} {schema} {len(before)} {len(around)} ".encode()
    told = b"".join((lengths, before, around, content.encode("utf-8", "surrogatepass")))
    return _text(digest(secret, told, "sha256"))


def _joined(*parts: str, outer: str) -> str:
    return ".".join((_VERSION, *parts, outer) if outer else (_VERSION, *parts))


def _text(code: bytes) -> str:
    return urlsafe_b64encode(code).rstrip(b"=").decode()


def _same(given: str, computed: str) -> bool:
    return compare_digest(given.encode("utf-8", "surrogatepass"), computed.encode())
